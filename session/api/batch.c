/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/batch.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/live/inbox.h"
#include "session/actions/marking.h"

#include <stdio.h>
#include <stdlib.h>

struct batch {
    struct request *r; /* its body stays until it is answered */
    struct json ops;   /* those that are left */
    struct buf out;
    uint32_t n;
    bool away; /* the store is: the rest is not tried */
    size_t user_n, key_n;
    char user[USER_MAX];
    char key[BATCH_KEY_MAX]; /* its Idempotency-Key */
    char op_id[KEY_MAX + 1]; /* of the one that is asked, from the key */
};

static void next(struct session *s, struct batch *b);

static void open_result(struct batch *b, unsigned status)
{
    buf_format(&b->out, "%s{\"status\":%u", b->n++ > 0 ? "," : "", status);
}

static void write_wrong(struct batch *b, unsigned status, const struct problem *why)
{
    open_result(b, status);
    buf_text(&b->out, ",\"detail\":");
    json_write_string(&b->out, bytes_of(why->detail));
    if (why->field[0]) {
        buf_text(&b->out, ",\"field\":");
        json_write_string(&b->out, bytes_of(why->field));
    }
    buf_byte(&b->out, '}');
}

/* The store refuses it, or does not answer. */
static void write_refused(struct batch *b, enum err e)
{
    struct problem why = {0};
    if (marking_refused(e, &why)) {
        write_wrong(b, e == ERR_FULL ? 409 : 400, &why);
    } else if (e == ERR_CONFLICT) {
        problem_set(&why, "op_id", "was used for another request");
        write_wrong(b, 422, &why);
    } else {
        b->away = true;
        problem_set(&why, "", "not now: it may have been done or not; ask again with its op_id");
        write_wrong(b, e == ERR_NO_SPACE ? 507 : 503, &why);
    }
}

static void write_done(struct batch *b, uint64_t asked, const struct msg_changed *changed)
{
    size_t at;
    open_result(b, 200);
    at = b->out.n;
    if (asked == MSG_mark_all)
        inbox_write_all_marked(&b->out, changed);
    else
        inbox_write_marked(&b->out, changed);
    if (!b->out.overflowed)
        b->out.p[at] = ','; /* instead of its brace */
}

static void done(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct batch *b = w.about;
    if (e == ERR_OK && answer->id == MSG_changed)
        write_done(b, w.tag, &answer->changed);
    else
        write_refused(b, e == ERR_OK ? ERR_PROTOCOL : e);
    next(w.s, b);
}

static bool read_op(struct session *s, struct batch *b, struct bytes op, struct msg *m,
                    struct problem *why)
{
    struct marker by = {{b->user, b->user_n}, UP_TO_NEWEST, s->wall_ms, true};
    struct bytes named = {0}, name = {0};
    const struct json_place places[] = {{"op", &named}};
    struct marking marking;
    if (!fields_read(op, FIELDS(places), NULL, why))
        return false;
    if (named.n > 0 && !json_string(named, &s->scratch, &name))
        return problem_set(why, "op", "must be text");
    if (!marking_pushed(name, &marking))
        return problem_set(why, "op", "must be one of the pushes: mark_read, archive, ...");
    return marking_read(m, &marking, &by, op, &s->scratch, why);
}

/* By the key and its place in the list, where it has no op_id of its own. */
static void give_op_id(struct batch *b, struct msg *m)
{
    struct bytes *op_id = m->id == MSG_mark ? &m->mark.op_id : &m->mark_all.op_id;
    if (b->key_n == 0 || op_id->n > 0)
        return;
    int n = snprintf(b->op_id, sizeof b->op_id, "%.*s/%u", (int)b->key_n, b->key, b->n);
    ENSURE(n > 0 && (size_t)n <= KEY_MAX);
    *op_id = (struct bytes){b->op_id, (size_t)n};
}

static void finish(struct session *s, struct batch *b)
{
    buf_text(&b->out, "]}");
    ENSURE(!b->out.overflowed);
    http_answer(s, b->r, 200, "application/json", buf_all(&b->out), NULL);
    buf_fini(&b->out);
    free(b);
}

/* The next one that is asked; those that are wrong have their result at once. */
static void next(struct session *s, struct batch *b)
{
    struct bytes op;
    while (json_element(&b->ops, &op)) {
        struct problem why = {0};
        struct msg m = {0};
        arena_reset(&s->scratch);
        if (b->away) {
            problem_set(&why, "", "was not tried: one before it has no answer");
            write_wrong(b, 503, &why);
        } else if (!read_op(s, b, op, &m, &why)) {
            write_wrong(b, 400, &why);
        } else {
            give_op_id(b, &m);
            ask(s->store, &m, s->now_ms, s->settings->request_ms, marking_repeats(&m),
                (struct ask_waiter){done, s, b, m.id});
            return;
        }
    }
    finish(s, b);
}

/* The list of them, entered; and how many. */
static bool find_ops(struct bytes json, struct json *ops, struct problem *why)
{
    struct bytes list = {0}, op;
    const struct json_place places[] = {{"ops", &list}, {"user", NULL}};
    uint32_t n = 0;
    if (!fields_read(json, FIELDS(places), BATCH_MEMBERS, why))
        return false;
    if (list.n > 0 && json_kind(list) == '[') {
        *ops = json_over(list);
        json_enter(ops, '[');
        struct json count = *ops;
        while (n <= BATCH_OPS && json_element(&count, &op))
            n++;
    }
    return (n > 0 && n <= BATCH_OPS) || problem_set(why, "ops", "must be a list of 1 to 100");
}

void batch_post(struct session *s, struct request *r)
{
    struct who who;
    struct problem why = {0};
    struct bytes user, key;
    struct json ops;
    if (!api_body_about(s, r, &user, &who) || !api_key_of(s, r, &key))
        return;
    if (key.n > BATCH_KEY_MAX)
        problem_set(&why, "Idempotency-Key", "must be 1 to 252 characters for a batch");
    if (why.detail[0] || !find_ops(request_body(r), &ops, &why)) {
        http_problem(s, r, 400, why.field, why.detail);
        return;
    }
    struct batch *b = calloc(1, sizeof *b);
    ENSURE(b != NULL);
    *b = (struct batch){.r = r, .ops = ops, .user_n = user.n, .key_n = key.n};
    memcpy(b->user, user.p, user.n);
    if (key.n > 0)
        memcpy(b->key, key.p, key.n);
    /* The ids of an answer are among those of its op; the rest of a result is short. */
    buf_init(&b->out, 2 * s->settings->body_bytes + (size_t)BATCH_OPS * 600);
    buf_text(&b->out, "{\"results\":[");
    next(s, b);
}
