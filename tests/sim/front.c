/* SPDX-License-Identifier: Apache-2.0 */
/* front.c -- HTTP in the place of libmicrohttpd, between clients and a session process: it fills
 * session/http/http.h and session/socket/upgrade.h. What waits to be accepted outlives a process; what it had
 * accepted is reset when it dies (streams.c). */
#include "lib/ensure.h"
#include "lib/loop.h"
#include "session/socket/entrance.h"
#include "session/socket/longpoll.h"
#include "session/http/pages.h"
#include "session/socket/polltoken.h"
#include "session/auth/revoked.h"
#include "session/http/routes.h"
#include "session/http/stream.h"
#include "session/socket/upgrade.h"
#include "tests/sim/front.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLS_MAX = 256 };

enum call_state { CALL_free, CALL_going, CALL_there, CALL_answered };

struct http_request {
    struct request r; /* first: what the process has is this */
    uint64_t number;
    enum call_state state;
    bool given_up;
    unsigned session;
    uint64_t due_us, late_us, iat_s;
    char method[8], path[200], key[64], token[200], user[16];
    struct buf body, answer;
    unsigned status;
    void (*done)(void *about, const struct answer *a);
    void (*sent)(void *about, const struct answer *a);
    void *about;
};

static struct {
    struct http_request calls[CALLS_MAX];
    unsigned calls_n; /* none is taken from there on */
    uint64_t numbers;
    struct dice dice;
} front;

struct http {
    unsigned asking;
    bool shut; /* accepts nobody any more */
};

/* ---- HTTP, the client's side */

uint64_t http_call(const struct call *c, uint64_t patience_us,
                   void (*done)(void *about, const struct answer *a), void *about)
{
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        struct http_request *q = &front.calls[i];
        if (q->state != CALL_free)
            continue;
        if (i >= front.calls_n)
            front.calls_n = i + 1;
        *q = (struct http_request){.number = ++front.numbers,
                                   .state = CALL_going,
                                   .session = c->session,
                                   .iat_s = c->iat_s,
                                   .due_us = front_later(&front.dice),
                                   .late_us = sim.now_us + patience_us,
                                   .done = done,
                                   .sent = c->sent,
                                   .about = about};
        strncpy(q->method, c->method, sizeof q->method - 1);
        strncpy(q->path, c->path, sizeof q->path - 1);
        strncpy(q->key, c->key ? c->key : "", sizeof q->key - 1);
        strncpy(q->token, c->query_token ? c->query_token : "", sizeof q->token - 1);
        strncpy(q->user, c->user ? c->user : "", sizeof q->user - 1);
        buf_init(&q->body, 1 << 20);
        buf_init(&q->answer, 8 << 20);
        if (c->body)
            buf_text(&q->body, c->body);
        world_wake(AT_session + c->session, q->due_us);
        return q->number;
    }
    ENSURE(false && "a free call");
    return 0;
}

static void call_free(struct http_request *q)
{
    buf_fini(&q->body);
    buf_fini(&q->answer);
    *q = (struct http_request){0};
    while (front.calls_n > 0 && front.calls[front.calls_n - 1].state == CALL_free)
        front.calls_n--;
}

/* The process hears that its client has left, as http.c's client_left() says it. */
static void left(struct session *s, struct http_request *q)
{
    if (q->state == CALL_there && q->r.poll && !q->r.response) {
        longpoll_left(s, &q->r);
        http_answer_poll(s, &q->r, BYTES("{\"status\":500}"));
    }
    if (q->state != CALL_there || q->r.response)
        call_free(q);
}

void http_give_up(uint64_t number)
{
    for (unsigned i = 0; i < front.calls_n; i++) {
        struct http_request *q = &front.calls[i];
        if (q->state == CALL_free || q->number != number)
            continue;
        q->done = NULL;
        if (q->state == CALL_there && world_there(AT_session + q->session)) {
            q->given_up = true;
            world_wake(AT_session + q->session, sim.now_us);
        } else {
            call_free(q);
        }
    }
}

static void finish(struct http_request *q, unsigned status)
{
    struct answer a = {status, status ? buf_all(&q->answer) : (struct bytes){0}};
    void (*done)(void *, const struct answer *) = q->done;
    void *about = q->about;
    q->done = NULL;
    if (done)
        done(about, &a);
}

uint64_t front_due_us(void)
{
    uint64_t first = NEVER;
    for (unsigned i = 0; i < front.calls_n; i++) {
        const struct http_request *q = &front.calls[i];
        if (q->state == CALL_free || (q->state == CALL_there && !q->done))
            continue;
        uint64_t due_us = q->state == CALL_answered && q->due_us < q->late_us ? q->due_us
                                                                              : q->late_us;
        if (due_us < first)
            first = due_us;
    }
    return first;
}

/* Answers arrive; who waited too long gives up. */
void front_run(void)
{
    for (unsigned i = 0; i < front.calls_n; i++) {
        struct http_request *q = &front.calls[i];
        if (q->state == CALL_answered && q->due_us <= sim.now_us) {
            finish(q, q->status);
            call_free(q);
        } else if (q->state != CALL_free && q->done && q->late_us <= sim.now_us) {
            uint64_t number = q->number;
            finish(q, 0);
            if (q->number == number)
                http_give_up(number);
        }
    }
}

/* ---- HTTP, the process's side */

static struct http_request *of(const struct request *r)
{
    return (struct http_request *)(uintptr_t)r;
}

struct http *http_new(struct session *s)
{
    s->http = calloc(1, sizeof *s->http);
    ENSURE(s->http != NULL);
    return s->http;
}

void http_free(struct http **slot)
{
    free(*slot);
    *slot = NULL;
}

uint32_t http_sockets_max(const struct session *s)
{
    (void)s;
    return 2 * STREAMS_MAX;
}

/* It steers newcomers to the others: whoever had been given to it already it still takes. */
void http_accept_elsewhere(struct session *s)
{
    (void)s;
}

void http_accept_stop(struct session *s)
{
    s->http->shut = true;
}

bool http_unheard(const struct session *s)
{
    (void)s;
    return false;
}

void http_ready(struct session *s, enum wake kind, uint32_t id, uint32_t generation)
{
    (void)s;
    (void)kind;
    (void)id;
    (void)generation;
}

static void take_call(struct session *s, struct http_request *q)
{
    q->state = CALL_there;
    q->r = (struct request){.s = s, .path = q->path};
    q->r.method = strcmp(q->method, "GET") == 0     ? HTTP_GET
                  : strcmp(q->method, "POST") == 0  ? HTTP_POST
                  : strcmp(q->method, "PUT") == 0   ? HTTP_PUT
                  : strcmp(q->method, "PATCH") == 0 ? HTTP_PATCH
                                                    : HTTP_DELETE;
    q->r.body = q->body; /* lent: it is freed with the call */
    arena_reset(&s->scratch);
    if (!routes_admit(s, &q->r))
        return;
    arena_reset(&s->scratch);
    routes_handle(s, &q->r);
    s->http->asking += !q->r.response && !q->r.poll;
    q->r.suspended = !q->r.response;
}

void http_run(struct session *s)
{
    streams_accept(s, s->http->shut);
    for (unsigned i = 0; i < front.calls_n; i++) {
        struct http_request *q = &front.calls[i];
        if (q->session != s->index)
            continue;
        if (q->state == CALL_going && q->due_us <= sim.now_us && !s->http->shut)
            take_call(s, q);
        else if (q->state == CALL_there && q->given_up)
            left(s, q);
    }
}

uint64_t http_deadline_ms(const struct session *s)
{
    (void)s;
    return LOOP_NEVER;
}

bool http_asking(const struct session *s)
{
    return s->http->asking > 0;
}

void http_sweep(struct session *s)
{
    (void)s;
}

const char *request_header(const struct request *r, const char *name)
{
    const struct http_request *q = of(r);
    if (strcmp(name, "Authorization") == 0)
        return "Bearer sim-api-key";
    if (strcmp(name, "Content-Type") == 0)
        return strcmp(q->path, "/api/import") == 0 ? "application/x-ndjson" : "application/json";
    if (strcmp(name, "Idempotency-Key") == 0)
        return q->key[0] ? q->key : NULL;
    return NULL;
}

struct bytes request_query(const struct request *r, const char *name)
{
    const struct http_request *q = of(r);
    if (strcmp(name, "token") == 0)
        return q->token[0] ? bytes_of(q->token) : (struct bytes){0};
    if (strcmp(name, "user") == 0)
        return q->user[0] ? bytes_of(q->user) : (struct bytes){0};
    return (struct bytes){0};
}

/* The simulated clients ask for nothing that is not known. */
bool request_query_each(const struct request *r, bool (*look)(void *about, struct bytes name),
                        void *about)
{
    (void)r, (void)look, (void)about;
    return true;
}

struct bytes request_cookie(const struct request *r, const char *name)
{
    (void)r;
    (void)name;
    return (struct bytes){0};
}

struct address *request_address(const struct request *r, bool *full)
{
    (void)r;
    *full = false;
    return NULL;
}

bool request_loopback(const struct request *r)
{
    (void)r;
    return true;
}

/* It leaves the process now: what it says must be true now. */
static void answered(struct session *s, struct request *r, unsigned status, struct bytes body)
{
    struct http_request *q = of(r);
    ENSURE(r->response == NULL);
    r->response = (struct MHD_Response *)(void *)q;
    if (r->suspended)
        s->http->asking -= !r->poll;
    r->suspended = false;
    if (!world_there(AT_session + s->index))
        return; /* killed: nothing leaves */
    if (!q->done) {
        if (!q->given_up)
            call_free(q);
        return; /* else whoever noticed frees it */
    }
    q->status = status;
    buf_reset(&q->answer);
    buf_bytes(&q->answer, body);
    q->due_us = front_later(&front.dice);
    q->state = CALL_answered;
    if (q->sent)
        q->sent(q->about, &(struct answer){status, buf_all(&q->answer)});
}

void http_answer(struct session *s, struct request *r, unsigned status, const char *type,
                 struct bytes body, const char *const *headers)
{
    (void)type;
    (void)headers;
    answered(s, r, status, body);
}

void http_answer_with(struct session *s, struct request *r, unsigned status,
                      struct MHD_Response *response)
{
    (void)response;
    answered(s, r, status, (struct bytes){0});
}

void http_answer_poll(struct session *s, struct request *r, struct bytes json)
{
    answered(s, r, 200, json);
}

void http_problem(struct session *s, struct request *r, unsigned status, const char *field,
                  const char *detail)
{
    (void)field;
    answered(s, r, status, bytes_of(detail));
}

void http_limit(struct session *s, struct request *r, unsigned status, const char *limit,
                const char *detail)
{
    (void)limit;
    answered(s, r, status, bytes_of(detail));
}

/* ---- stream.h: nobody exports here */

struct stream *stream_begin(struct session *s, struct request *r, const char *type,
                            struct stream_owner owner)
{
    (void)type;
    (void)owner;
    http_problem(s, r, 503, "", "nobody exports here");
    return NULL;
}

struct buf *stream_part(struct stream *st)
{
    (void)st;
    return NULL;
}

void stream_give(struct stream *st, bool last)
{
    (void)st;
    (void)last;
}

void stream_break(struct stream *st)
{
    (void)st;
}

/* ---- upgrade.h: what is left of it without libmicrohttpd */

unsigned front_admits(const struct session *s, const char *user, uint64_t iat_s)
{
    struct token t = {.iat_s = iat_s};
    snprintf(t.sub, sizeof t.sub, "%s", user);
    return !revoked_known(s) ? 503 : revoked_has(s, &t) ? 403 : 200;
}

void upgrade_longpoll(struct session *s, struct request *r)
{
    const struct http_request *q = of(r);
    struct hello hello = {
        .user = bytes_of(q->user), .token_exp_s = UINT32_MAX, .token_iat_s = q->iat_s, .vsn = 2};
    r->poll = true;
    if (q->token[0] || r->method == HTTP_POST)
        longpoll_request(s, r, bytes_of(q->token), r->method == HTTP_POST, true);
    else if (front_admits(s, q->user, q->iat_s) != 200)
        http_answer_poll(s, r, BYTES("{\"status\":403}"));
    else
        longpoll_open(s, r, &hello);
}

bool upgrade_admit(struct session *s, struct request *r)
{
    (void)s;
    (void)r;
    return true;
}

void upgrade_websocket(struct session *s, struct request *r)
{
    http_problem(s, r, 400, "", "a stream is opened by stream_open()");
}

void entrance_forget(struct request *r)
{
    (void)r;
}

void pages_free(struct pages **slot)
{
    *slot = NULL;
}

struct pages *pages_new(const char *folder, bool demo)
{
    (void)folder;
    (void)demo;
    return NULL;
}

void pages_answer(struct session *s, struct pages *p, struct request *r)
{
    (void)p;
    http_problem(s, r, 404, "", "");
}

enum MHD_Result MHD_add_response_header(struct MHD_Response *response, const char *name,
                                        const char *value)
{
    (void)response;
    (void)name;
    (void)value;
    return MHD_YES;
}

/* ---- for the world */

void front_open(void)
{
    memset(&front, 0, sizeof front);
    front.dice = dice_of(6000, 0);
    streams_open();
}

void front_close(void)
{
    streams_close();
    for (unsigned i = 0; i < front.calls_n; i++)
        if (front.calls[i].state != CALL_free)
            call_free(&front.calls[i]);
}

unsigned front_session(struct dice *d)
{
    return (unsigned)roll(d, SESSIONS);
}

uint64_t front_arrival_us(unsigned place)
{
    uint64_t first = streams_arrival_us(place);
    for (unsigned i = 0; i < front.calls_n; i++) {
        const struct http_request *q = &front.calls[i];
        if (q->state == CALL_going && AT_session + q->session == place && q->due_us < first)
            first = q->due_us;
    }
    return first;
}

/* Its connections are reset; what waits to be accepted waits on. */
void front_died(unsigned place)
{
    streams_died(place);
    for (unsigned i = 0; i < front.calls_n; i++) {
        struct http_request *q = &front.calls[i];
        if (q->state != CALL_there || AT_session + q->session != place)
            continue;
        q->state = CALL_answered;
        q->status = 0;
        q->due_us = front_later(&front.dice);
        if (!q->done)
            call_free(q);
    }
}
