/* SPDX-License-Identifier: Apache-2.0 */
/* front.c -- what stands between clients and a session process: the kernel's TCP, and HTTP in the
 * place of libmicrohttpd (it fills session/http.h and session/upgrade.h).
 *
 * The supervisor holds the listening sockets: whoever connects while a process is dead waits in the
 * backlog until it is back. What a process had accepted is reset when it dies.
 * A WebSocket is real from its handshake on: frames, masks, wslay, sendmsg() with a socket that may
 * take only a part. */
#include "lib/ensure.h"
#include "lib/loop.h"
#include "session/longpoll.h"
#include "session/pages.h"
#include "session/polltoken.h"
#include "session/routes.h"
#include "session/stream.h"
#include "session/upgrade.h"
#include "session/entrance.h"
#include "session/websocket.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { STREAMS_MAX = 64, FD_FIRST = 1000, EPOLL_FIRST = 900, WINDOW = 48 * 1024, CALLS_MAX = 256 };

struct chunk {
    struct chunk *next;
    uint64_t due_us;
    size_t n, at;
    char bytes[];
};

struct lane { /* one direction */
    struct chunk *first, **last;
    size_t bytes;
    uint64_t last_us;
    bool over; /* behind what is under way: the end */
    uint64_t over_us;
};

struct stream {
    bool used, accepted, client_gone, server_gone, stalled;
    unsigned client, session;
    uint64_t hello_us; /* the handshake arrives */
    char user[16];
    struct lane up, down;
    struct epoll_event watch;
    bool watched;
    struct buf seen; /* by the client: bytes that are no whole message yet */
    struct dice dice;
};

enum call_state { CALL_free, CALL_going, CALL_there, CALL_answered };

struct http_request {
    struct request r; /* first: what the process has is this */
    uint64_t number;
    enum call_state state;
    bool given_up;
    unsigned session;
    uint64_t due_us, late_us;
    char method[8], path[200], key[64], token[200], user[16];
    struct buf body, answer;
    unsigned status;
    void (*done)(void *about, const struct answer *a);
    void (*sent)(void *about, const struct answer *a);
    void *about;
};

static struct {
    struct stream streams[STREAMS_MAX];
    struct http_request calls[CALLS_MAX];
    unsigned streams_n, calls_n; /* none is taken from there on */
    uint64_t numbers, opened;
    struct dice dice;
} front;

struct http {
    unsigned asking;
    bool shut; /* accepts nobody any more */
};

static uint64_t later(struct dice *d)
{
    return sim.now_us + roll_between(d, 100, 900);
}

/* ---- lanes */

static void lane_put(struct lane *l, const void *p, size_t n, uint64_t due_us)
{
    struct chunk *c = malloc(sizeof *c + n);
    ENSURE(c != NULL);
    if (due_us <= l->last_us)
        due_us = l->last_us + 1;
    *c = (struct chunk){.due_us = due_us, .n = n};
    memcpy(c->bytes, p, n);
    if (!l->first)
        l->last = &l->first;
    *l->last = c;
    l->last = &c->next;
    l->bytes += n;
    l->last_us = due_us;
}

static void lane_end(struct lane *l, uint64_t due_us)
{
    if (l->over)
        return;
    l->over = true;
    l->over_us = due_us > l->last_us ? due_us : l->last_us + 1;
}

/* Up to n bytes that have arrived; 0: none now, or none any more. */
static size_t lane_take(struct lane *l, void *p, size_t n)
{
    struct chunk *c = l->first;
    if (!c || c->due_us > sim.now_us)
        return 0;
    size_t most = c->n - c->at < n ? c->n - c->at : n;
    memcpy(p, c->bytes + c->at, most);
    c->at += most;
    l->bytes -= most;
    if (c->at == c->n) {
        l->first = c->next;
        free(c);
    }
    return most;
}

static bool lane_over(const struct lane *l)
{
    return l->over && !l->first && l->over_us <= sim.now_us;
}

static uint64_t lane_due_us(const struct lane *l)
{
    if (l->first)
        return l->first->due_us;
    return l->over ? l->over_us : NEVER;
}

static void lane_clear(struct lane *l)
{
    while (l->first) {
        struct chunk *c = l->first;
        l->first = c->next;
        free(c);
    }
    *l = (struct lane){0};
}

/* ---- streams, the client's side */

struct stream *stream_open(unsigned client, unsigned session, const char *user)
{
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        struct stream *st = &front.streams[i];
        if (st->used)
            continue;
        if (i >= front.streams_n)
            front.streams_n = i + 1;
        *st = (struct stream){.used = true,
                              .client = client,
                              .session = session,
                              .dice = dice_of(7000 + client, front.opened++)};
        strncpy(st->user, user, sizeof st->user - 1);
        st->hello_us = st->up.last_us = later(&st->dice);
        buf_init(&st->seen, 8 << 20);
        world_wake(AT_session + session, st->hello_us);
        return st;
    }
    ENSURE(false && "a free stream");
    return NULL;
}

static void stream_free(struct stream *st)
{
    lane_clear(&st->up);
    lane_clear(&st->down);
    buf_fini(&st->seen);
    *st = (struct stream){0};
    while (front.streams_n > 0 && !front.streams[front.streams_n - 1].used)
        front.streams_n--;
}

static void stream_tidy(struct stream *st)
{
    if (st->client_gone && (st->server_gone || !st->accepted))
        stream_free(st);
}

bool stream_send(struct stream *st, const char *text, size_t n)
{
    if (st->server_gone)
        return false;
    char head[14] = {(char)0x81};
    size_t h = 2;
    if (n < 126) {
        head[1] = (char)(0x80 | n);
    } else {
        head[1] = (char)(0x80 | 126);
        head[2] = (char)(n >> 8);
        head[3] = (char)n;
        h = 4;
    }
    h += 4; /* a mask of zeroes */
    uint64_t due_us = later(&st->dice);
    lane_put(&st->up, head, h, due_us);
    lane_put(&st->up, text, n, due_us);
    world_wake(AT_session + st->session, st->up.last_us);
    return true;
}

/* A whole frame at the front of what was seen: its payload, or what is left to wait for. */
static bool whole(const struct buf *b, size_t *head, size_t *n)
{
    if (b->n < 2)
        return false;
    const uint8_t *p = (const uint8_t *)b->p;
    *n = p[1] & 0x7f;
    *head = 2;
    if (*n == 126) {
        *head = 4;
        *n = b->n < 4 ? 0 : (size_t)p[2] << 8 | p[3];
    } else if (*n == 127) {
        *head = 10;
        *n = 0;
        for (unsigned i = 2; b->n >= 10 && i < 10; i++)
            *n = *n << 8 | p[i];
    }
    return b->n >= *head && b->n - *head >= *n;
}

bool stream_read(struct stream *st, struct bytes *text, bool *over)
{
    static char room[70000];
    size_t head, n, got;
    *over = false;
    if (st->stalled)
        return false;
    while (!whole(&st->seen, &head, &n)) {
        got = lane_take(&st->down, room, sizeof room);
        buf_add(&st->seen, room, got);
        if (got == 0) {
            *over = lane_over(&st->down);
            return false;
        }
        if (st->watched && st->watch.events & EPOLLOUT)
            world_wake(AT_session + st->session, sim.now_us);
    }
    bool data = (st->seen.p[0] & 0x0f) < 8;
    if (n < sizeof room)
        memcpy(room, st->seen.p + head, n);
    ENSURE(n < sizeof room);
    memmove(st->seen.p, st->seen.p + head + n, st->seen.n - head - n);
    st->seen.n -= head + n;
    *text = (struct bytes){room, data ? n : 0};
    return true;
}

void stream_stall(struct stream *st, bool stalled)
{
    st->stalled = stalled;
}

void stream_close(struct stream **slot)
{
    struct stream *st = *slot;
    *slot = NULL;
    if (!st)
        return;
    st->client_gone = true;
    lane_end(&st->up, later(&st->dice));
    world_wake(AT_session + st->session, st->up.over_us);
    if (st->server_gone || (!st->accepted && !world_there(AT_session + st->session)))
        stream_free(st);
}

uint64_t stream_due_us(const struct stream *st)
{
    return st->stalled ? NEVER : lane_due_us(&st->down);
}

/* ---- streams, the process's side: the calls of the kernel */

static struct stream *stream_of(int fd)
{
    unsigned i = (unsigned)(fd - FD_FIRST);
    return fd >= FD_FIRST && i < STREAMS_MAX && front.streams[i].used ? &front.streams[i] : NULL;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names */
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
int __wrap_shutdown(int fd, int how);
int __real_close(int fd);
int __wrap_close(int fd);
/* NOLINTEND(bugprone-reserved-identifier) */

int __wrap_epoll_create1(int flags)
{
    (void)flags;
    return EPOLL_FIRST + (int)sim.self;
}

int __wrap_epoll_ctl(int set, int op, int fd, struct epoll_event *ev)
{
    struct stream *st = stream_of(fd);
    (void)set;
    ENSURE(st != NULL);
    st->watched = op != EPOLL_CTL_DEL;
    if (ev)
        st->watch = *ev;
    return 0;
}

static uint32_t ready(const struct stream *st)
{
    uint32_t events = 0;
    if (st->up.first ? st->up.first->due_us <= sim.now_us : lane_over(&st->up))
        events |= EPOLLIN;
    if (st->watch.events & EPOLLOUT && (st->down.bytes < WINDOW || st->client_gone))
        events |= EPOLLOUT;
    return events;
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms)
{
    int n = 0;
    (void)timeout_ms;
    for (unsigned i = 0; i < front.streams_n && n < most; i++) {
        const struct stream *st = &front.streams[i];
        if (!st->used || !st->watched || AT_session + (int)st->session != set - EPOLL_FIRST ||
            !ready(st))
            continue;
        events[n] = st->watch;
        events[n++].events = ready(st);
    }
    return n;
}

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags)
{
    struct stream *st = stream_of(fd);
    (void)flags;
    ENSURE(st != NULL);
    size_t got = lane_take(&st->up, p, n);
    if (got > 0)
        return (ssize_t)got;
    if (lane_over(&st->up))
        return 0;
    errno = EAGAIN;
    return -1;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct stream *st = stream_of(fd);
    (void)flags;
    ENSURE(st != NULL);
    if (st->client_gone) {
        errno = EPIPE;
        return -1;
    }
    size_t room = st->down.bytes < WINDOW ? WINDOW - st->down.bytes : 0, sent = 0;
    uint64_t due_us = later(&st->dice);
    for (size_t i = 0; i < msg->msg_iovlen && room > 0; i++) {
        size_t n = msg->msg_iov[i].iov_len < room ? msg->msg_iov[i].iov_len : room;
        lane_put(&st->down, msg->msg_iov[i].iov_base, n, due_us);
        room -= n;
        sent += n;
    }
    if (sent > 0)
        return (ssize_t)sent;
    errno = EAGAIN;
    return -1;
}

int __wrap_shutdown(int fd, int how)
{
    struct stream *st = stream_of(fd);
    (void)how;
    ENSURE(st != NULL);
    lane_end(&st->down, later(&st->dice));
    return 0;
}

int __wrap_close(int fd)
{
    struct stream *st = stream_of(fd);
    if (fd >= EPOLL_FIRST && fd < EPOLL_FIRST + PLACES)
        return 0;
    if (!st)
        return fd >= FD_FIRST ? 0 : __real_close(fd);
    st->watched = false;
    st->server_gone = true;
    lane_end(&st->down, later(&st->dice));
    stream_tidy(st);
    return 0;
}

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
                                   .due_us = later(&front.dice),
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

static void accept_streams(struct session *s)
{
    for (unsigned i = 0; i < front.streams_n; i++) {
        struct stream *st = &front.streams[i];
        if (!st->used || st->accepted || st->session != s->index || st->hello_us > sim.now_us)
            continue;
        if (s->http->shut)
            continue; /* it waits in the backlog for the process after this one */
        st->accepted = true;
        struct hello hello = {.user = bytes_of(st->user), .token_exp_s = UINT32_MAX, .vsn = 2};
        websocket_adopt(s, FD_FIRST + (int)i, &hello, (struct bytes){0});
    }
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
    accept_streams(s);
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
        return "application/json";
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
    q->due_us = later(&front.dice);
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

void upgrade_longpoll(struct session *s, struct request *r)
{
    const struct http_request *q = of(r);
    struct hello hello = {.user = bytes_of(q->user), .token_exp_s = UINT32_MAX, .vsn = 2};
    r->poll = true;
    if (q->token[0] || r->method == HTTP_POST)
        longpoll_request(s, r, bytes_of(q->token), r->method == HTTP_POST, true);
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
}

void front_close(void)
{
    for (unsigned i = 0; i < front.streams_n; i++)
        if (front.streams[i].used)
            stream_free(&front.streams[i]);
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
    uint64_t first = NEVER;
    for (unsigned i = 0; i < front.streams_n; i++) {
        const struct stream *st = &front.streams[i];
        if (!st->used || AT_session + st->session != place)
            continue;
        uint64_t due_us = !st->accepted ? st->hello_us : lane_due_us(&st->up);
        if (st->accepted && !st->watched)
            continue;
        if (due_us < first)
            first = due_us;
    }
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
    for (unsigned i = 0; i < front.streams_n; i++) {
        struct stream *st = &front.streams[i];
        if (!st->used || !st->accepted || AT_session + st->session != place)
            continue;
        st->watched = false;
        st->server_gone = true;
        lane_end(&st->down, later(&st->dice));
        stream_tidy(st);
    }
    for (unsigned i = 0; i < front.calls_n; i++) {
        struct http_request *q = &front.calls[i];
        if (q->state != CALL_there || AT_session + q->session != place)
            continue;
        q->state = CALL_answered;
        q->status = 0;
        q->due_us = later(&front.dice);
        if (!q->done)
            call_free(q);
    }
}
