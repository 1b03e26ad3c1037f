/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include "lib/ensure.h"

#define AS_NAME(name, doc) #name,
static const char *const names[] = {TABLES(AS_NAME)};

const char *table_name(enum table table)
{
    ENSURE((unsigned)table < TABLE_COUNT);
    return names[table];
}

void engine_close(struct engine **slot)
{
    if (*slot)
        (*slot)->ops->close(*slot);
    *slot = NULL;
}

static enum err begin(struct engine *e, bool write, struct txn **txn)
{
    enum err err = e->ops->begin(e, write, txn);
    if (err)
        return err;
    (*txn)->failed = ERR_OK;
    (*txn)->writes = 0;
    (*txn)->damaged = 0;
    (*txn)->gives_way = false;
    return ERR_OK;
}

enum err engine_read(struct engine *e, struct txn **txn)
{
    return begin(e, false, txn);
}

enum err engine_write(struct engine *e, struct txn **txn)
{
    return begin(e, true, txn);
}

enum err engine_grow(struct engine *e)
{
    return e->ops->grow(e);
}

enum err engine_room(struct engine *e, uint64_t bytes)
{
    return e->ops->room(e, bytes);
}

struct engine_stats engine_stats(struct engine *e)
{
    return e->ops->stats(e);
}

static enum err note(struct txn *t, enum err e)
{
    if (e && e != ERR_NOT_FOUND && !t->failed)
        t->failed = e;
    return e;
}

enum err txn_get(struct txn *t, enum table table, struct bytes key, struct bytes *value)
{
    return t->failed ? t->failed : note(t, t->ops->get(t, table, key, value));
}

static void put(struct txn *t, enum table table, struct bytes key, struct bytes value, bool append)
{
    ENSURE(key.n > 0 && key.n <= KEY_BYTES_MAX);
    if (t->failed)
        return;
    t->writes++;
    note(t, t->ops->put(t, table, key, value, append));
}

void txn_put(struct txn *t, enum table table, struct bytes key, struct bytes value)
{
    put(t, table, key, value, false);
}

void txn_append(struct txn *t, enum table table, struct bytes key, struct bytes value)
{
    put(t, table, key, value, true);
}

void txn_del(struct txn *t, enum table table, struct bytes key)
{
    if (t->failed)
        return;
    if (note(t, t->ops->del(t, table, key)) == ERR_OK)
        t->writes++;
}

enum err txn_commit(struct txn **slot)
{
    struct txn *t = *slot;
    enum err e = t->failed;
    if (e)
        t->ops->abort(t);
    else
        e = t->ops->commit(t);
    *slot = NULL;
    return e;
}

void txn_abort(struct txn **slot)
{
    if (*slot)
        (*slot)->ops->abort(*slot);
    *slot = NULL;
}

enum err txn_again(struct txn *t)
{
    return t->failed ? t->failed : note(t, t->ops->again(t));
}

void walk_open(struct walk *w, struct txn *t, enum table table, enum walk_way way,
               struct bytes from)
{
    *w = (struct walk){.txn = t, .table = table, .way = way, .from = from};
}

bool walk_next(struct walk *w, struct bytes *key, struct bytes *value)
{
    if (w->txn->failed)
        return false;
    return note(w->txn, w->txn->ops->walk(w, key, value)) == ERR_OK;
}

void walk_close(struct walk *w)
{
    w->txn->ops->walk_end(w);
    w->cursor = NULL;
}
