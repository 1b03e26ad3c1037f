/* SPDX-License-Identifier: Apache-2.0 */
/* types.h -- the notification types, as the table that says what each one is. Nothing else in the
 * code tests a type's name or number.
 *
 * Source  docs/api.md "What there is". The numbers are kept in the log: append only. */
#pragma once

#include "lib/buf.h"
#include "proto/limits.h"

/*    name       push stored counted  event of its arrival */
#define NOTIFICATION_TYPES(X)                                                                      \
    X(transient, true, false, false, "notification:transient")                                     \
    X(toast, true, false, false, "notification:toast")                                             \
    X(activity, true, true, true, "notification:new")                                              \
    X(alert, true, true, true, "notification:new")                                                 \
    X(system, false, true, false, "notifications:changes")

#define AS_TYPE(name, push, stored, counted, event) TYPE_##name,
enum notification_type { NOTIFICATION_TYPES(AS_TYPE) TYPE_COUNT };
#undef AS_TYPE

struct type_row {
    const char *name;
    bool push;    /* shown live to whoever is connected */
    bool stored;  /* kept in the inbox */
    bool counted; /* in the unread count while unread */
    const char *event;
};

_Static_assert((int)TYPE_COUNT <= (int)TYPES_MAX, "each type has its count");

/* `type` must be below TYPE_COUNT. */
const struct type_row *type_row(uint64_t type);

/* TYPE_COUNT when there is no such name. */
enum notification_type type_named(struct bytes name);
