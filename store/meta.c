/* SPDX-License-Identifier: Apache-2.0 */
#include "store/meta.h"

#include "lib/log.h"
#include "store/log.h"
#include "store/record.h"

enum { FORMAT = 4 };

static const struct bytes meta_key = {"store", 5};

void meta_put(struct txn *t, const struct meta *meta)
{
    record_put(t, TABLE_meta, meta_key, meta, FIELDS_OF(*meta), (struct bytes){0});
}

enum err meta_load(struct txn *t, struct meta *meta)
{
    return record_get(t, TABLE_meta, meta_key, meta, FIELDS_OF(*meta), NULL);
}

static enum err head_of(struct txn *t, struct state *s)
{
    if (!log_head(t, &s->head))
        return t->failed;
    if (s->head == 0)
        return ERR_OK;
    struct msg_entry entry;
    struct bytes raw;
    enum err e = log_get(t, s->head, &entry, &raw);
    if (!e) {
        s->at_ms = entry.at_ms;
        s->bytes = entry.log_bytes + raw.n;
    }
    return e;
}

static enum err newest_broadcast(struct txn *t, uint64_t *seq)
{
    struct bytes key, value;
    struct walk w;
    walk_open(&w, t, TABLE_broadcasts, WALK_down, (struct bytes){0});
    *seq = walk_next(&w, &key, &value) ? key_number(key, 0) : 0;
    walk_close(&w);
    return t->failed;
}

static enum err load_or_make(struct txn *t, uint64_t now_ms, struct state *s)
{
    enum err e = head_of(t, s);
    if (!e)
        e = newest_broadcast(t, &s->broadcast);
    if (e)
        return e;
    e = meta_load(t, &s->meta);
    if (e == ERR_NOT_FOUND && s->head == 0) {
        s->meta = (struct meta){.format = FORMAT, .epoch = now_ms};
        meta_put(t, &s->meta);
        return ERR_OK;
    }
    if (e == ERR_NOT_FOUND)
        return record_damaged(t, TABLE_meta, meta_key);
    if (e == ERR_OK && s->meta.format != FORMAT) {
        log_line("store.open format=%llu error=\"this program reads format %d\"",
                 (unsigned long long)s->meta.format, FORMAT);
        return ERR_INVALID;
    }
    return e;
}

static enum err open_once(struct engine *engine, uint64_t now_ms, struct state *state)
{
    struct txn *t = NULL;
    *state = (struct state){0};
    enum err e = engine_write(engine, &t);
    if (e)
        return e;
    e = load_or_make(t, now_ms, state);
    if (e || (t->writes == 0 && !t->failed)) {
        txn_abort(&t);
        return e;
    }
    return txn_commit(&t);
}

enum err meta_open(struct engine *engine, uint64_t now_ms, struct state *state)
{
    enum err e = open_once(engine, now_ms, state);
    while (e == ERR_FULL && engine_grow(engine) == ERR_OK)
        e = open_once(engine, now_ms, state);
    return e;
}

enum err meta_renew(struct engine *engine, uint64_t now_ms, struct state *state)
{
    struct txn *t = NULL;
    enum err e = engine_write(engine, &t);
    if (e)
        return e;
    uint64_t next = state->meta.epoch + 1;
    state->meta.epoch = now_ms > next ? now_ms : next;
    meta_put(t, &state->meta);
    return txn_commit(&t);
}
