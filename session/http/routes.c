/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/routes.h"

#include "proto/hooks.h"
#include "proto/token.h"
#include "proto/topic.h"
#include "session/actions/actions.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/auth/auth.h"
#include "session/api/batch.h"
#include "session/socket/entrance.h"
#include "session/actions/draft.h"
#include "session/api/erase.h"
#include "session/api/export.h"
#include "session/live/heads.h"
#include "session/api/import.h"
#include "session/api/inbox_http.h"
#include "session/auth/keys.h"
#include "session/api/metrics.h"
#include "session/api/node.h"
#include "session/http/origin.h"
#include "session/http/pages.h"
#include "session/api/preferences.h"
#include "session/api/presence_http.h"
#include "session/api/publishes.h"
#include "session/http/query.h"
#include "session/subscribers.h"
#include "session/api/revoke.h"
#include "session/auth/revoked.h"
#include "session/api/topics.h"
#include "session/api/update.h"
#include "session/socket/upgrade.h"

#include <microhttpd.h>

enum { HEADS_LATE_MS = 3000, DEV_TOKEN_S = 24 * 3600 };

static void healthz(struct session *s, struct request *r)
{
    http_answer(s, r, 200, "application/json", BYTES("{\"alive\":true}"), NULL);
}

static void ready_word(struct buf *out, const char *name, bool is)
{
    buf_format(out, "%s%s", name, is ? "true" : "false");
}

static void readyz(struct session *s, struct request *r)
{
    char room[300];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    bool store = asks_up(s->store) && heads_known(s) && revoked_known(s);
    bool writable = metrics_store_writable(s);
    bool heads = heads_fresh(s, HEADS_LATE_MS);
    bool hook = !s->hook || asks_up(s->hook);
    bool keys = keys_there(s);
    bool ready = store && writable && heads && hook && keys && !s->draining;
    ready_word(&out, "{\"ready\":", ready);
    ready_word(&out, ",\"store\":", store);
    ready_word(&out, ",\"writable\":", writable);
    ready_word(&out, ",\"notifier\":", heads);
    if (s->hook)
        ready_word(&out, ",\"hook\":", hook);
    if (jwks_by_url(s->settings))
        ready_word(&out, ",\"keys\":", keys && !metrics_keys_failing(s)); /* old ones hold */
    ready_word(&out, ",\"draining\":", s->draining);
    buf_byte(&out, '}');
    http_answer(s, r, ready ? 200 : 503, "application/json", buf_all(&out), NULL);
}

static void metrics(struct session *s, struct request *r)
{
    struct who who;
    auth_request(s, r, &who);
    if (who.kind == WHO_nobody) {
        auth_refuse(s, r, &who);
        return;
    }
    if (who.kind != WHO_service) {
        http_problem(s, r, 403, "", "metrics need an API key or a token with the scope admin");
        return;
    }
    if (!query_known(s, r, r->query))
        return;
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_write(s, &out);
    http_answer(s, r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_all(&out), NULL);
    buf_fini(&out);
}

/* A page in development has no back end of its own to ask for a token. */
static void dev_token(struct session *s, struct request *r)
{
    struct bytes user = request_query(r, "user");
    if (!auth_dev(s, r)) {
        http_problem(s, r, 404, "", "there is nothing at this path");
        return;
    }
    if (!query_known(s, r, r->query))
        return;
    if (!user_valid(user)) {
        http_problem(s, r, 400, "user", USER_VALID);
        return;
    }
    uint64_t now_s = s->wall_ms / 1000;
    struct token t = {.iat_s = now_s, .exp_s = now_s + DEV_TOKEN_S};
    memcpy(t.sub, user.p, user.n);
    struct buf out;
    buf_init(&out, 2 * TOKEN_MAX);
    buf_text(&out, "{\"token\":\"");
    struct token_rules rules = token_rules_of(s->settings);
    token_write(&out, bytes_of(s->token_key), &t, &rules);
    buf_text(&out, "\"}");
    http_answer(s, r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

static void page(struct session *s, struct request *r)
{
    if (s->pages)
        pages_answer(s, s->pages, r);
    else
        http_problem(s, r, 404, "", "there is nothing at this path");
}

const struct route routes[] = {
    /* HTTP_other: it looks itself */
    {"/socket/websocket", HTTP_other, upgrade_websocket, NULL, 0, NULL, NULL,
     "A WebSocket of Phoenix Channels; docs/protocol.md"},
    {"/socket/longpoll", HTTP_other, upgrade_longpoll, upgrade_admit, 0, NULL, NULL,
     "The same by long-poll"},
    {"/api/notifications", HTTP_POST, api_create, api_admit, SCOPE_create, "dry_run", DRAFT_MEMBERS,
     "Creates a notification, for one user or many"},
    {"/api/notifications", HTTP_GET, inbox_get_list, NULL, SCOPE_read,
     "user before limit cursor status archived snoozed type category", NULL,
     "An inbox, newest first"},
    {"/api/notifications/count", HTTP_GET, inbox_get_count, NULL, SCOPE_read, "user", NULL,
     "Its counts"},
    {"/api/notifications/batch", HTTP_POST, batch_post, api_admit, SCOPE_create, NULL,
     "user, " BATCH_MEMBERS, "Several marks, one after the other"},
    {"/api/notifications/{id}", HTTP_POST, inbox_post_mark, api_admit, SCOPE_create, NULL, NULL,
     "Marks notifications"}, /* MARKS says how */
    {"/api/notifications/{id}", HTTP_GET, inbox_get_one, NULL, SCOPE_read, "user", NULL,
     "One notification"},
    {"/api/notifications/{id}", HTTP_PATCH, update_patch, api_admit, SCOPE_create, NULL,
     UPDATE_MEMBERS, "Changes it in its place"},
    {"/api/preferences", HTTP_GET, preferences_get, NULL, SCOPE_read, "user", NULL,
     "What a user does not want, and when"},
    {"/api/preferences", HTTP_PUT, preferences_put, api_admit, SCOPE_create, NULL,
     "user, " PREFERENCES_MEMBERS, "Replaces it"},
    {"/api/publishes/{publish}", HTTP_DELETE, publishes_delete, NULL, SCOPE_create, NULL, NULL,
     "Takes back what was created, from every inbox"},
    {"/api/publishes/{publish}", HTTP_PATCH, publishes_patch, api_admit, SCOPE_create, NULL,
     CHANGE_MEMBERS, "Changes what was created, in every inbox"},
    {"/api/import", HTTP_POST, import_post, api_admit, SCOPE_admin, NULL, ROUTE_LINES,
     "Takes over inboxes and members from elsewhere"},
    {"/api/topics/{topic}/publish", HTTP_POST, topics_publish, api_admit, SCOPE_publish, NULL,
     EVENT_MEMBERS, "Publishes an event"},
    {"/api/topics/{topic}/history", HTTP_GET, topics_history, NULL, SCOPE_read, "before limit",
     NULL, "Its messages, newest first"},
    {"/api/topics/{topic}/members", HTTP_GET, topics_members, NULL, SCOPE_read, "after limit", NULL,
     "Its members"},
    {"/api/topics/{topic}/members", HTTP_POST, topics_members_bulk, api_admit, SCOPE_publish, NULL,
     ROUTE_LINES MEMBER_MEMBERS, "Adds and removes many"},
    {"/api/topics/{topic}/members/{user}", HTTP_PUT, topics_member_put, NULL, SCOPE_publish, NULL,
     NULL, "Makes a user a member"},
    {"/api/topics/{topic}/members/{user}", HTTP_DELETE, topics_member_delete, NULL, SCOPE_publish,
     NULL, NULL, "Takes a user off, at once"},
    {"/api/topics/{topic}/presence", HTTP_GET, topics_presence, NULL, SCOPE_read, "count", NULL,
     "Who is there"},
    /* before the one below */
    {"/api/users/{user}/export", HTTP_GET, users_export, NULL, SCOPE_admin, NULL, NULL,
     "All that is kept of a user"},
    {"/api/users/{user}", HTTP_GET, users_one, NULL, SCOPE_read, NULL, NULL,
     "Whether a user is online, and since when"},
    {"/api/users/{user}", HTTP_DELETE, users_erase, NULL, SCOPE_admin, NULL, NULL,
     "Forgets a user"},
    {"/api/erasures/{erasure}", HTTP_GET, erasures_one, NULL, SCOPE_admin, NULL, NULL,
     "Whether that is done"},
    {"/api/users/{user}/disconnect", HTTP_POST, users_disconnect, api_admit, SCOPE_admin, NULL,
     NULL, "Closes all connections of a user"},
    {"/api/tokens/revoke", HTTP_POST, tokens_revoke, api_admit, SCOPE_admin, NULL, REVOKE_MEMBERS,
     "Revokes a token, or all of a user"},
    {"/healthz", HTTP_GET, healthz, NULL, 0, NULL, NULL, "The process lives"},
    {"/readyz", HTTP_GET, readyz, NULL, 0, NULL, NULL, "It can serve, or which part is missing"},
    {"/metrics", HTTP_GET, metrics, NULL, SCOPE_admin, NULL, NULL,
     "Counters of all processes, as Prometheus has them"},
    {"/api/node", HTTP_GET, node_processes, NULL, SCOPE_admin, NULL, NULL, "The processes"},
    {"/api/node/log", HTTP_GET, node_log, NULL, SCOPE_admin, NULL, NULL,
     "The newest lines of their logs"},
    {"/api/node/topics", HTTP_GET, subscribers_get, NULL, SCOPE_admin, "prefix after limit", NULL,
     "The topics that somebody has joined"},
    {"/dev/token", HTTP_GET, dev_token, NULL, 0, "user", NULL, "A user's token, in dev mode only"},
    {"/dev/kill", HTTP_POST, node_kill, api_admit, SCOPE_admin, NULL, KILL_MEMBERS,
     "Kills a process, in dev mode only"},
};
const size_t routes_count = sizeof routes / sizeof *routes;

/* Where `what` stands last in `text`, or NULL. */
static const char *last_of(const char *text, const char *what, size_t n)
{
    const char *found = n == 0 ? text + strlen(text) : NULL; /* nothing stands at the end, too */
    for (const char *at = text; n > 0 && (at = memmem(at, strlen(at), what, n)); at++)
        found = at;
    return found;
}

/* The path is this one; a first {NAME} becomes r->topic (which may hold slashes, so that what follows it
 * is looked for from the end), a second one r->rest. */
static bool path_is(const char *pattern, struct request *r)
{
    const char *hole = strchr(pattern, '{');
    if (!hole)
        return strcmp(pattern, r->path) == 0;
    size_t n = (size_t)(hole - pattern);
    if (strncmp(pattern, r->path, n) != 0)
        return false;
    const char *from = r->path + n, *tail = strchr(hole, '}') + 1, *hole2 = strchr(tail, '{');
    size_t tail_n = hole2 ? (size_t)(hole2 - tail) : strlen(tail);
    const char *at = last_of(from, tail, tail_n);
    if (!at || at == from || (hole2 ? at[tail_n] == '\0' : at[tail_n] != '\0'))
        return false;
    r->topic = (struct bytes){from, (size_t)(at - from)};
    r->rest = bytes_of(at + tail_n);
    return true;
}

static bool takes(const struct route *route, enum http_method method)
{
    return route->method == method || route->method == HTTP_other;
}

static void about(struct request *r, const struct route *route)
{
    r->scope = route->scope;
    r->query = route->query;
}

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""};
    return names[method];
}

bool routes_admit(struct session *s, struct request *r)
{
    if (!http_has_body(r->method))
        return true; /* what comes as a body is dropped */
    for (size_t i = 0; i < routes_count; i++)
        if (path_is(routes[i].path, r) && takes(&routes[i], r->method) && routes[i].admit) {
            about(r, &routes[i]);
            return routes[i].admit(s, r);
        }
    if (r->method != HTTP_POST)
        return true;     /* dropped, too */
    routes_handle(s, r); /* whatever it is, it needs no body */
    return false;
}

/* A page of another host asks whether it may ask. */
static void preflight(struct session *s, struct request *r)
{
    static const char allowed[] = "authorization, content-type, idempotency-key, " CSRF_HEADER;
    static const char *const may[] = {"Access-Control-Allow-Methods",
                                      "GET, POST, PUT, PATCH, DELETE",
                                      "Access-Control-Allow-Headers",
                                      allowed,
                                      "Access-Control-Max-Age",
                                      "3600",
                                      NULL};
    const char *origin = request_header(r, "Origin");
    if (origin && origin_listed(s->settings->origins, origin)) {
        http_answer(s, r, 204, NULL, (struct bytes){0}, may);
        return;
    }
    count_one(s, COUNT_refused_origin);
    http_problem(s, r, 403, "", "pages of this origin may not use the API: session/origins");
}

void routes_handle(struct session *s, struct request *r)
{
    char room[64];
    struct buf allow = {.p = room, .cap = sizeof room, .max = sizeof room - 1};
    if (r->method == HTTP_OPTIONS && strncmp(r->path, "/api/", 5) == 0 &&
        request_header(r, "Access-Control-Request-Method")) {
        preflight(s, r);
        return;
    }
    for (size_t i = 0; i < routes_count; i++) {
        if (!path_is(routes[i].path, r))
            continue;
        if (takes(&routes[i], r->method)) {
            about(r, &routes[i]);
            routes[i].handle(s, r);
            return;
        }
        buf_format(&allow, "%s%s", allow.n > 0 ? ", " : "", method_name(routes[i].method));
    }
    if (allow.n > 0) {
        room[allow.n] = '\0';
        http_problem(s, r, 405, "", "this path does not take this method");
        MHD_add_response_header(r->response, "Allow", room);
    } else if (r->method == HTTP_GET) {
        page(s, r);
    } else {
        http_problem(s, r, 404, "", "there is nothing at this path");
    }
}

void routes_forget(struct session *s, struct request *r)
{
    (void)s;
    entrance_forget(r);
}
