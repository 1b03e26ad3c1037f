/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/topics.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/event.h"
#include "proto/topic.h"
#include "session/auth/access.h"
#include "session/actions/fields.h"
#include "session/api/api.h"
#include "session/disconnect.h"
#include "session/live/inbox.h"
#include "session/live/kind.h"
#include "session/live/publish.h"
#include "session/http/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The class of the request's topic, or it is answered. */
static const struct topic_class *known_topic(struct session *s, struct request *r)
{
    const struct topic_class *class = NULL;
    if (topic_valid(r->topic))
        class = class_of(s->settings->classes, s->settings->classes_n, r->topic);
    if (!class)
        http_problem(s, r, 404, "topic", "no class of topics in the configuration matches it");
    return class;
}

static bool service(struct session *s, struct request *r)
{
    struct who who;
    if (!api_authorised(s, r, &who))
        return false;
    if (who.kind != WHO_service)
        http_problem(s, r, 403, "", "this needs the API key or a service token");
    return who.kind == WHO_service;
}

/* ---- publishing ---- */

static void published(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct request *r = w.about;
    if (e != ERR_OK || answer->id != MSG_published) {
        api_error(s, r, e == ERR_OK ? ERR_PROTOCOL : e);
        return;
    }
    char room[100];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"seq\":%llu,\"at\":", (unsigned long long)answer->published.seq);
    time_write(&out, answer->published.at_ms);
    buf_byte(&out, '}');
    http_answer(s, r, 201, "application/json", buf_all(&out), NULL);
}

/* {"event":..,"payload":{..}} */
static bool read_body(struct request *r, struct publication *p, struct arena *scratch,
                      struct problem *why)
{
    struct bytes event = {0};
    const struct json_place places[] = {{"payload", &p->payload}, {"event", &event}};
    return field_object(request_body(r), why) &&
           fields_read(request_body(r), FIELDS(places), EVENT_MEMBERS, why) &&
           (event.n == 0 || json_string(event, scratch, &p->event) ||
            problem_set(why, "event", "must be text"));
}

void topics_publish(struct session *s, struct request *r)
{
    struct problem why = {0};
    struct publication p = {.topic = r->topic, .payload = BYTES("{}")};
    const struct topic_class *class = NULL;
    if (!service(s, r) || !(class = known_topic(s, r)) || !api_json_body(s, r) ||
        !api_key_of(s, r, &p.key))
        return;
    p.class = class;
    if (!read_body(r, &p, &s->scratch, &why) || !publication_valid(&p, &why))
        http_problem(s, r, 400, why.field, why.detail);
    else if (class->history > 0)
        publish_kept(s, &p, (struct ask_waiter){published, s, r, 0});
    else if (publish_now(s, &p))
        http_answer(s, r, 202, "application/json", BYTES("{\"sent\":1}"), NULL);
    else
        http_problem(s, r, 503, "", "not now: the broker is away");
}

/* ---- history ---- */

static void history_came(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct request *r = w.about;
    struct buf out;
    if (e != ERR_OK || answer->id != MSG_page) {
        api_error(s, r, e == ERR_OK ? ERR_PROTOCOL : e);
        return;
    }
    buf_init(&out, TEXT_MAX);
    history_write(&out, &answer->page);
    ENSURE(!out.overflowed);
    http_answer(s, r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

void topics_history(struct session *s, struct request *r)
{
    struct who who;
    struct msg m = {.id = MSG_history, .history = {.topic = r->topic}};
    const struct topic_class *class = NULL;
    if (!api_authorised(s, r, &who) || !(class = known_topic(s, r)))
        return;
    if (who.kind == WHO_user) {
        struct visitor visitor = {bytes_of(who.token.sub), bytes_of(who.token.topics)};
        enum allowed allowed = access_allows(class->join, class, r->topic, &visitor);
        if (allowed == ALLOWED_no || allowed == ALLOWED_hook) {
            http_problem(s, r, 403, "", access_refused(allowed));
            return;
        }
        if (allowed == ALLOWED_member)
            m.history.member = visitor.user;
    }
    if (query_number(s, r, "before", 0, 1, UINT64_C(1) << 53, &m.history.before) &&
        query_number(s, r, "limit", INBOX_PAGE, 1, PAGE_MAX, &m.history.limit)) {
        struct ask_waiter w = {history_came, s, r, 0};
        ask(s->store, &m, s->now_ms, s->settings->request_ms, true, w);
    }
}

/* ---- members ---- */

static void member_changed(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct request *r = w.about;
    if (e != ERR_OK || answer->id != MSG_membered) {
        api_error(s, r, e == ERR_OK ? ERR_PROTOCOL : e);
        return;
    }
    char room[80];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"changed\":%llu,\"members\":%llu}",
               (unsigned long long)answer->membered.changed,
               (unsigned long long)answer->membered.members);
    if (w.tag == 0) /* whoever was taken off may be on it now */
        disconnect_user(s, r->rest, r->topic);
    http_answer(s, r, 200, "application/json", buf_all(&out), NULL);
}

static void change_member(struct session *s, struct request *r, uint64_t add)
{
    struct buf users;
    if (!service(s, r) || !known_topic(s, r))
        return;
    if (!user_valid(r->rest)) {
        http_problem(s, r, 400, "user", USER_VALID);
        return;
    }
    buf_init(&users, USER_MAX + 8);
    mp_put_str(&users, r->rest);
    struct msg m = {.id = MSG_member,
                    .member = {.topic = r->topic, .add = add, .users = list_of(&users, 1)}};
    struct ask_waiter w = {member_changed, s, r, add};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true, w);
    buf_fini(&users);
}

void topics_member_put(struct session *s, struct request *r)
{
    change_member(s, r, 1);
}

void topics_member_delete(struct session *s, struct request *r)
{
    change_member(s, r, 0);
}

static void members_came(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct session *s = w.s;
    struct request *r = w.about;
    if (e != ERR_OK || answer->id != MSG_member_list) {
        api_error(s, r, e == ERR_OK ? ERR_PROTOCOL : e);
        return;
    }
    const struct msg_member_list *list = &answer->member_list;
    struct mp_in in = list_in(list->users);
    struct buf out;
    buf_init(&out, TEXT_MAX);
    buf_text(&out, "{\"members\":[");
    for (uint32_t i = 0; i < list->users.count; i++) {
        if (i > 0)
            buf_byte(&out, ',');
        json_write_string(&out, mp_str(&in));
    }
    buf_text(&out, "],\"next\":");
    if (list->next.n > 0)
        json_write_string(&out, list->next);
    else
        buf_text(&out, "null");
    buf_format(&out, ",\"count\":%llu}", (unsigned long long)list->members);
    http_answer(s, r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

void topics_members(struct session *s, struct request *r)
{
    struct msg m = {.id = MSG_members, .members = {.topic = r->topic}};
    if (!service(s, r) || !known_topic(s, r) ||
        !query_number(s, r, "limit", USERS_MAX, 1, USERS_MAX, &m.members.limit))
        return;
    m.members.after = request_query(r, "after");
    if (m.members.after.n > 0 && !user_valid(m.members.after)) {
        http_problem(s, r, 400, "after", USER_VALID);
        return;
    }
    struct ask_waiter w = {members_came, s, r, 0};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true, w);
}

/* Many at once: lines of {"user":..} or {"user":..,"remove":true}, in their order. They become a few
 * requests, one for each run of the same kind; answered when all are. */
struct bulk {
    struct session *s;
    struct request *r;
    unsigned waiting;
    uint64_t changed, members;
    enum err e;
};

static void bulk_end(struct bulk *b)
{
    if (--b->waiting > 0)
        return;
    char room[80];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"changed\":%llu,\"members\":%llu}", (unsigned long long)b->changed,
               (unsigned long long)b->members);
    if (b->e == ERR_OK)
        http_answer(b->s, b->r, 200, "application/json", buf_all(&out), NULL);
    else
        api_error(b->s, b->r, b->e);
    free(b);
}

/* A run of users who come, or who go. */
struct run {
    struct bulk *bulk;
    struct buf users;
    uint32_t count;
    bool remove;
};

static void run_answered(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct run *run = w.about;
    struct bulk *b = run->bulk;
    if (e == ERR_OK && run->remove)
        disconnect_users(b->s, list_of(&run->users, run->count), b->r->topic);
    buf_fini(&run->users);
    free(run);
    if (e == ERR_OK && answer->id == MSG_membered) {
        b->changed += answer->membered.changed;
        b->members = answer->membered.members;
    } else {
        b->e = e == ERR_OK ? ERR_PROTOCOL : e;
    }
    bulk_end(b);
}

static struct run *run_new(struct bulk *b, bool remove)
{
    struct run *run = calloc(1, sizeof *run);
    ENSURE(run != NULL);
    *run = (struct run){.bulk = b, .remove = remove};
    buf_init(&run->users, USERS_MAX * (USER_MAX + 5));
    return run;
}

/* The run belongs to its answer. */
static void run_send(struct run *run)
{
    struct bulk *b = run->bulk;
    struct msg m = {.id = MSG_member,
                    .member = {.topic = b->r->topic,
                               .add = !run->remove,
                               .users = list_of(&run->users, run->count)}};
    struct ask_waiter w = {run_answered, b->s, run, 0};
    b->waiting++;
    ask(b->s->store, &m, b->s->now_ms, b->s->settings->request_ms, true, w);
}

static bool read_line(struct bytes line, struct bytes *user, bool *remove, struct arena *scratch,
                      struct problem *why)
{
    struct bytes named = {0}, removes = {0};
    const struct json_place places[] = {{"user", &named}, {"remove", &removes}};
    *user = (struct bytes){0};
    if (!fields_read(line, FIELDS(places), MEMBER_MEMBERS, why))
        return false;
    *remove = bytes_is(removes, "true");
    if (removes.n > 0 && !*remove && !bytes_is(removes, "false"))
        return problem_set(why, "remove", "must be true or false");
    if (named.n == 0)
        return problem_set(why, "user", "must be there");
    return field_user(named, user, "user", scratch, why);
}

/* What is wrong, and in which line: counted from 1, empty ones too. */
static bool wrong_line(struct problem *why, unsigned number)
{
    char detail[sizeof why->detail] = "";
    snprintf(detail, sizeof detail, "line %u: %.180s", number, why->detail);
    memcpy(why->detail, detail, sizeof detail);
    return false;
}

/* Walk over the lines; `take` is told of each. False at the first that is wrong, or
 * when there is none. */
static bool each_line(struct request *r, struct arena *scratch, struct problem *why,
                      void (*take)(void *to, struct bytes user, bool remove), void *to)
{
    struct bytes body = request_body(r);
    bool any = false;
    unsigned number = 0;
    for (const char *p = body.p, *end = body.p + body.n; p < end;) {
        number++;
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop ? stop : end;
        struct bytes line = {p, (size_t)(stop - p)}, user;
        bool remove;
        p = stop + (stop < end);
        while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
            line.n--;
        if (line.n == 0)
            continue;
        arena_reset(scratch);
        if (!read_line(line, &user, &remove, scratch, why))
            return wrong_line(why, number);
        any = true;
        if (take)
            take(to, user, remove);
    }
    return any || problem_set(why, "", "must have at least one line");
}

struct taking {
    struct bulk *bulk;
    struct run *run; /* NULL: no line yet */
};

static void take_line(void *to, struct bytes user, bool remove)
{
    struct taking *t = to;
    if (t->run && (t->run->remove != remove || t->run->count == USERS_MAX)) {
        run_send(t->run);
        t->run = NULL;
    }
    if (!t->run)
        t->run = run_new(t->bulk, remove);
    t->run->count++;
    mp_put_str(&t->run->users, user);
}

void topics_members_bulk(struct session *s, struct request *r)
{
    struct problem why = {0};
    const char *type = request_header(r, "Content-Type");
    if (!service(s, r) || !known_topic(s, r))
        return;
    if (!type || strncasecmp(type, "application/x-ndjson", 20) != 0) {
        http_problem(s, r, 415, "", "Content-Type must be application/x-ndjson");
        return;
    }
    if (!each_line(r, &s->scratch, &why, NULL, NULL)) { /* all is right, or nothing is done */
        http_problem(s, r, 400, why.field, why.detail);
        return;
    }
    struct bulk *b = calloc(1, sizeof *b);
    ENSURE(b != NULL);
    *b = (struct bulk){.s = s, .r = r, .waiting = 1}; /* ours, until all are sent */
    struct taking t = {.bulk = b};
    each_line(r, &s->scratch, &why, take_line, &t);
    if (t.run)
        run_send(t.run);
    bulk_end(b);
}

/* ---- users ---- */

void users_disconnect(struct session *s, struct request *r)
{
    if (!service(s, r))
        return;
    if (!user_valid(r->topic)) {
        http_problem(s, r, 400, "user", USER_VALID);
        return;
    }
    disconnect_user(s, r->topic, (struct bytes){0});
    http_answer(s, r, 202, "application/json", BYTES("{\"asked\":true}"), NULL);
}
