/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/publishes.h"

#include "lib/ensure.h"
#include "proto/event.h"
#include "proto/id.h"
#include "session/actions/actions.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/live/passed.h"
#include "session/api/update.h"

#include <stdlib.h>

void publish_accepted(struct session *s, struct request *r, const struct msg_created *created)
{
    char room[200];
    uint8_t id[ID_SIZE];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    id_make(created->at_ms, created->first_seq, id);
    buf_text(&out, "{\"publish\":\"");
    id_write(&out, id);
    buf_format(&out, "\",\"seq\":%llu,\"deliver_at\":", (unsigned long long)created->first_seq);
    time_write(&out, created->deliver_ms);
    buf_byte(&out, '}');
    ENSURE(!out.overflowed);
    http_answer(s, r, 202, "application/json", buf_all(&out), NULL);
}

/* It is done; now everybody is to have been told. */
struct change {
    struct session *s;
    struct request *r;
    bool taken_back; /* else it has other content */
    uint64_t seq, count;
};

static void told_everywhere(void *about, bool all)
{
    struct change *c = about;
    char room[160];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"done\":true,\"seq\":%llu,\"%s\":%llu,\"everywhere\":%s}",
               (unsigned long long)c->seq, c->taken_back ? "retracted" : "updated",
               (unsigned long long)c->count, all ? "true" : "false");
    ENSURE(!out.overflowed);
    http_answer(c->s, c->r, 200, "application/json", buf_all(&out), NULL);
    free(c);
}

static void done(struct ask_waiter w, const struct msg_unpublished *answer, bool taken_back)
{
    struct change *c = malloc(sizeof *c);
    ENSURE(c != NULL);
    *c = (struct change){w.s, w.about, taken_back, answer->seq, answer->count};
    passed_everywhere(w.s, c->seq, told_everywhere, c);
}

static void deleted(struct ask_waiter w, const struct msg *answer, enum err e)
{
    if (e == ERR_OK && answer->id == MSG_unpublished)
        done(w, &answer->unpublished, true);
    else if (e == ERR_NOT_FOUND)
        http_problem(w.s, w.about, 404, "", "nothing of this id is there, or waits for its time");
    else
        api_error(w.s, w.about, e == ERR_OK ? ERR_PROTOCOL : e);
}

static void patched(struct ask_waiter w, const struct msg *answer, enum err e)
{
    if (e == ERR_OK && answer->id == MSG_unpublished)
        done(w, &answer->unpublished, false);
    else if (e == ERR_TOO_OLD)
        http_problem(w.s, w.about, 400, "expires_at", "must be in the future, after deliver_at");
    else if (e == ERR_INVALID)
        http_problem(w.s, w.about, 409, "expires_at", "of a broadcast stays as it is");
    else if (e == ERR_FULL)
        http_problem(w.s, w.about, 409, "",
                     "there is no room for it: an inbox has at most 32 categories, and a "
                     "notification 32768 bytes");
    else
        deleted(w, answer, e);
}

/* Who may, and what it is about: true, or it is answered. */
static bool about(struct session *s, struct request *r, uint8_t id[ID_SIZE])
{
    struct who who;
    if (!api_authorised(s, r, &who))
        return false;
    if (who.kind != WHO_service)
        http_problem(s, r, 403, "", "this needs the API key or a service token");
    else if (!id_read(r->topic, id))
        http_problem(s, r, 400, "id", "must be the `publish` of an answer: 26 letters and digits");
    else
        return true;
    return false;
}

void publishes_delete(struct session *s, struct request *r)
{
    uint8_t id[ID_SIZE];
    if (!about(s, r, id))
        return;
    struct msg m = {.id = MSG_unpublish, .unpublish = {.id = {(const char *)id, ID_SIZE}}};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, false,
        (struct ask_waiter){deleted, s, r, 0});
}

void publishes_patch(struct session *s, struct request *r)
{
    uint8_t id[ID_SIZE], hash[16];
    struct problem why = {0};
    struct bytes key;
    struct msg m;
    if (!about(s, r, id) || !api_json_body(s, r) || !api_key_of(s, r, &key))
        return;
    struct buf content;
    buf_init(&content, 2 * CONTENT_MAX);
    if (action_revise(&m, request_body(r), s->wall_ms, &content, &s->scratch, &why)) {
        update_fingerprint(request_body(r), id, &s->scratch, hash);
        m.revise.id = (struct bytes){(const char *)id, ID_SIZE};
        m.revise.key = key;
        m.revise.body_hash = (struct bytes){(const char *)hash, sizeof hash};
        ask(s->store, &m, s->now_ms, s->settings->request_ms, key.n > 0,
            (struct ask_waiter){patched, s, r, 0});
    } else {
        http_problem(s, r, 400, why.field, why.detail);
    }
    buf_fini(&content);
}
