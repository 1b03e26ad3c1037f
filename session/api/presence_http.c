/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/presence_http.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/auth/access.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/limits.h"
#include "session/presence/presence_live.h"
#include "session/http/query.h"

#include <stdlib.h>

static void failed(struct session *s, struct request *r, enum err e)
{
    if (e == ERR_FULL) {
        http_limit(s, r, 413, limit_rows[LIMIT_presence].name, limit_rows[LIMIT_presence].text);
    } else if (e == ERR_UNKNOWN) {
        http_problem(s, r, 503, "", "a session process did not answer in time");
    } else {
        api_error(s, r, e);
    }
}

static void listed(struct presence_waiter w, const struct presence_found *found, enum err e)
{
    struct request *r = w.about;
    if (e != ERR_OK) {
        failed(w.s, r, e);
        return;
    }
    struct buf out;
    buf_init(&out, TEXT_MAX + 1024);
    buf_text(&out, "{\"topic\":");
    json_write_string(&out, r->topic);
    buf_format(&out, ",\"count\":%llu", (unsigned long long)found->count);
    if (found->json.n > 0) {
        buf_text(&out, ",\"presences\":");
        buf_bytes(&out, found->json);
    }
    buf_byte(&out, '}');
    ENSURE(!out.overflowed);
    http_answer(w.s, r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

static void list(struct session *s, struct request *r)
{
    bool count;
    if (query_flag(s, r, "count", &count))
        presence_list(s, r->topic, count, (struct presence_waiter){listed, s, r});
}

/* The store was asked for nothing of the topic, but on behalf of this member. */
static void is_member(struct ask_waiter w, const struct msg *answer, enum err e)
{
    (void)answer;
    if (e == ERR_OK)
        list(w.s, w.about);
    else
        api_error(w.s, w.about, e);
}

void topics_presence(struct session *s, struct request *r)
{
    struct who who;
    const struct topic_class *class = NULL;
    enum allowed allowed = ALLOWED_yes;
    if (!api_authorised(s, r, &who))
        return;
    if (topic_valid(r->topic))
        class = class_of(s->settings->classes, s->settings->classes_n, r->topic);
    if (!class || !class->presence) {
        http_problem(s, r, 404, "topic", "no class of topics with presence matches it");
        return;
    }
    struct visitor visitor = {bytes_of(who.token.sub), bytes_of(who.token.topics)};
    if (who.kind == WHO_user)
        allowed = access_allows(class->join, class, r->topic, &visitor);
    if (allowed == ALLOWED_no || allowed == ALLOWED_hook) {
        http_problem(s, r, 403, "", access_refused(allowed));
    } else if (allowed == ALLOWED_member) {
        struct msg m = {.id = MSG_history, .history = {.topic = r->topic, .member = visitor.user}};
        struct ask_waiter w = {is_member, s, r, 0};
        ask(s->store, &m, s->now_ms, s->settings->request_ms, true, w);
    } else {
        list(s, r);
    }
}

/* A user is asked of the processes, then of the store. */
struct user_question {
    struct request *r;
    struct presence_found found;
};

static void write_time(struct buf *out, uint64_t ms)
{
    if (ms > 0)
        time_write(out, ms);
    else
        buf_text(out, "null");
}

static void last_seen(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct user_question *q = w.about;
    if (e != ERR_OK || answer->id != MSG_user_info) {
        api_error(w.s, q->r, e == ERR_OK ? ERR_PROTOCOL : e);
        free(q);
        return;
    }
    struct buf out;
    buf_init(&out, 1024);
    buf_text(&out, "{\"user\":");
    json_write_string(&out, q->r->topic);
    buf_format(&out, ",\"online\":%s,\"since\":", q->found.count > 0 ? "true" : "false");
    write_time(&out, q->found.since_ms);
    buf_format(&out, ",\"connections\":%llu,\"last_seen\":", (unsigned long long)q->found.count);
    write_time(&out, answer->user_info.seen_ms);
    buf_byte(&out, '}');
    ENSURE(!out.overflowed);
    http_answer(w.s, q->r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
    free(q);
}

static void counted(struct presence_waiter w, const struct presence_found *found, enum err e)
{
    if (e != ERR_OK) {
        failed(w.s, w.about, e);
        return;
    }
    struct user_question *q = malloc(sizeof *q);
    ENSURE(q != NULL);
    *q = (struct user_question){w.about, *found};
    struct msg m = {.id = MSG_user, .user = {.user = q->r->topic}};
    struct ask_waiter next = {last_seen, w.s, q, 0};
    ask(w.s->store, &m, w.s->now_ms, w.s->settings->request_ms, true, next);
}

void users_one(struct session *s, struct request *r)
{
    struct who who;
    if (!api_authorised(s, r, &who))
        return;
    if (who.kind != WHO_service)
        http_problem(s, r, 403, "", "this needs the API key or a service token");
    else if (!user_valid(r->topic))
        http_problem(s, r, 400, "user", USER_VALID);
    else
        presence_user(s, r->topic, (struct presence_waiter){counted, s, r});
}
