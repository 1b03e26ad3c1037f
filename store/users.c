/* SPDX-License-Identifier: Apache-2.0 */
#include "store/users.h"

#include "store/record.h"

enum err user_load(struct txn *t, struct bytes user, struct user_row *row)
{
    enum err e = record_get(t, TABLE_users, user, row, FIELDS_OF(*row), NULL);
    if (e)
        *row = (struct user_row){0};
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

void user_forget(struct work *w, struct bytes user)
{
    txn_del(w->txn, TABLE_users, user);
}

void user_seen(struct work *w, struct bytes user, struct user_row *row)
{
    row->seen_ms = w->at_ms;
    record_put(w->txn, TABLE_users, user, row, FIELDS_OF(*row), (struct bytes){0});
}
