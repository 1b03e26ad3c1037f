/* SPDX-License-Identifier: Apache-2.0 */
#include "session/publishes.h"

#include "lib/ensure.h"
#include "proto/event.h"
#include "proto/id.h"
#include "session/api.h"
#include "session/asks.h"
#include "session/passed.h"

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
struct deletion {
    struct session *s;
    struct request *r;
    uint64_t seq, count;
};

static void deleted_everywhere(void *about, bool all)
{
    struct deletion *d = about;
    char room[160];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"done\":true,\"seq\":%llu,\"retracted\":%llu,\"everywhere\":%s}",
               (unsigned long long)d->seq, (unsigned long long)d->count, all ? "true" : "false");
    ENSURE(!out.overflowed);
    http_answer(d->s, d->r, 200, "application/json", buf_all(&out), NULL);
    free(d);
}

static void deleted(struct ask_waiter w, const struct msg *answer, enum err e)
{
    if (e == ERR_OK && answer->id == MSG_unpublished) {
        struct deletion *d = malloc(sizeof *d);
        ENSURE(d != NULL);
        *d = (struct deletion){w.s, w.about, answer->unpublished.seq, answer->unpublished.count};
        passed_everywhere(w.s, d->seq, deleted_everywhere, d);
    } else if (e == ERR_NOT_FOUND) {
        http_problem(w.s, w.about, 404, "", "nothing of this id is there, or waits for its time");
    } else {
        api_error(w.s, w.about, e == ERR_OK ? ERR_PROTOCOL : e);
    }
}

void publishes_delete(struct session *s, struct request *r)
{
    struct who who;
    uint8_t id[ID_SIZE];
    if (!api_authorised(s, r, &who))
        return;
    if (who.kind != WHO_service) {
        http_problem(s, r, 403, "", "this needs the API key or a service token");
    } else if (!id_read(r->topic, id)) {
        http_problem(s, r, 400, "id", "must be the id that the publishing was answered with");
    } else {
        struct msg m = {.id = MSG_unpublish, .unpublish = {.id = {(const char *)id, ID_SIZE}}};
        ask(s->store, &m, s->now_ms, s->settings->request_ms, false,
            (struct ask_waiter){deleted, s, r, 0});
    }
}
