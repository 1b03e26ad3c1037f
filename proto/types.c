/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/types.h"

#include "lib/ensure.h"

#define ROW(name, push, stored, counted, event) {#name, push, stored, counted, event},
static const struct type_row rows[] = {NOTIFICATION_TYPES(ROW)};

const struct type_row *type_row(uint64_t type)
{
    ENSURE(type < TYPE_COUNT);
    return &rows[type];
}

enum notification_type type_named(struct bytes name)
{
    unsigned type = 0;
    while (type < TYPE_COUNT && !bytes_is(name, rows[type].name))
        type++;
    return (enum notification_type)type;
}
