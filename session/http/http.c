/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/http.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "proto/hooks.h"
#include "session/socket/admit.h"
#include "session/http/door.h"
#include "session/http/guard.h"
#include "session/limits.h"
#include "session/socket/longpoll.h"
#include "session/http/origin.h"
#include "session/http/routes.h"

#include <errno.h>
#include <linux/tcp.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { KEEP_ALIVE_S = 60, RUNS_PER_TURN = 16 };

/* One HTTP connection. */
struct http_peer {
    struct http_peer *next, *prev;
    struct address *address;
    int fd;
    bool busy;         /* a whole request is being answered */
    bool heard;        /* a whole request has come */
    uint64_t received; /* bytes, when the last request was complete */
    uint64_t slow_ms;  /* since when a part of a request is there; 0: none is */
};

struct http {
    struct session *s;
    struct MHD_Daemon *daemon;
    struct http_peer *peers;
    struct door *door;
    int mhd_fd;
    bool dirty; /* something was resumed, accepted or taken away: run before sleeping */
    struct request **watched; /* suspended polls, by id */
    uint32_t watched_n, watched_cap, *free_ids, free_n;
    uint32_t generation;
    uint32_t asking;  /* suspended requests that are no polls */
    uint32_t unheard; /* peers that are not `heard` */
};

static uint64_t bytes_received(int fd)
{
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_bytes_received : 0;
}

/* ---- a request waits ---- */

void request_place_leave(struct request *r)
{
    struct http_peer *p = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                              ->socket_context;
    address_leave(r->s, &p->address);
}

/* While a request is suspended libmicrohttpd does not see its client leave: we do. */
static void watch(struct http *h, struct request *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        r->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (h->free_n > 0) {
        r->id = h->free_ids[--h->free_n];
    } else {
        if (h->watched_n == h->watched_cap) {
            h->watched_cap = h->watched_cap ? h->watched_cap * 2 : 64;
            h->watched = realloc(h->watched, h->watched_cap * sizeof *h->watched);
            h->free_ids = realloc(h->free_ids, h->watched_cap * sizeof *h->free_ids);
            ENSURE(h->watched != NULL && h->free_ids != NULL);
        }
        r->id = h->watched_n++;
    }
    h->watched[r->id] = r;
    h->generation = h->generation % 0xfffffff + 1; /* 28 bits, never 0: that is nobody's */
    r->generation = h->generation;
    struct epoll_event ev = {.events = EPOLLRDHUP,
                             .data.u64 = wake_pack(WAKE_http_watch, r->generation, r->id)};
    if (epoll_ctl(h->s->epoll, EPOLL_CTL_ADD, info->connect_fd, &ev) != 0)
        log_line("session.epoll error=\"%s\"", strerror(errno)); /* its window ends it */
}

static void unwatch(struct http *h, struct request *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        r->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (h->watched_n == 0 || r->generation == 0)
        return;
    epoll_ctl(h->s->epoll, EPOLL_CTL_DEL, info->connect_fd, NULL);
    h->watched[r->id] = NULL;
    h->free_ids[h->free_n++] = r->id;
    r->generation = 0;
}

void http_wait(struct session *s, struct request *r)
{
    r->suspended = true;
    s->http->asking += !r->poll;
    if (r->queue)
        r->queue->waiting++;
    MHD_suspend_connection(r->mhd);
}

void http_go_on(struct session *s, struct request *r)
{
    ENSURE(r->suspended);
    r->suspended = false;
    s->http->asking -= !r->poll;
    if (r->queue)
        r->queue->waiting--;
    unwatch(s->http, r);
    MHD_resume_connection(r->mhd);
    s->http->dirty = true;
}

/* ---- libmicrohttpd calls us ---- */

static enum MHD_Result queue(struct request *r)
{
    struct MHD_Response *response = r->response;
    return MHD_queue_response(r->mhd, r->status, response);
}

static struct request *request_new(struct session *s, struct MHD_Connection *mhd, const char *url,
                                   const char *method)
{
    struct request *r = calloc(1, sizeof *r);
    ENSURE(r != NULL);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    r->s = s;
    r->mhd = mhd;
    r->from = info ? info->socket_context : NULL;
    r->path = strdup(url);
    ENSURE(r->path != NULL);
    buf_init(&r->body, s->settings->body_bytes);
    r->head = strcmp(method, "HEAD") == 0;
    r->method = r->head || strcmp(method, "GET") == 0 ? HTTP_GET
                : strcmp(method, "POST") == 0         ? HTTP_POST
                : strcmp(method, "PUT") == 0          ? HTTP_PUT
                : strcmp(method, "PATCH") == 0        ? HTTP_PATCH
                : strcmp(method, "DELETE") == 0       ? HTTP_DELETE
                : strcmp(method, "OPTIONS") == 0      ? HTTP_OPTIONS
                                                      : HTTP_other;
    count_one(s, COUNT_requests);
    return r;
}

/* The first call for a request: its headers are there. Refused here, its body is never read. */
static enum MHD_Result begin(struct session *s, struct MHD_Connection *mhd, const char *url,
                             const char *method, void **slot)
{
    const char *path = guard_path(mhd, url);
    struct request *r = request_new(s, mhd, path ? path : "", method);
    const char *why;
    *slot = r;
    unsigned status = guard_request(mhd, s->settings->body_bytes, &why);
    if (status == 0 && !path) {
        status = 400;
        why = "the target's host is not the header Host's";
    }
    arena_reset(&s->scratch);
    if (status == 413)
        limit_refuse(s, r, LIMIT_body);
    else if (status != 0)
        http_problem(s, r, status, "", why);
    else if (routes_admit(s, r))
        return MHD_YES;
    r->refused = true;
    MHD_add_response_header(r->response, "Connection", "close");
    return queue(r);
}

static void hear(struct http *h, struct http_peer *p)
{
    h->unheard -= !p->heard;
    p->heard = p->busy = true;
    p->slow_ms = 0;
}

static enum MHD_Result access_handler(void *cls, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version, const char *data,
                                      size_t *data_n, void **slot)
{
    struct session *s = cls;
    struct request *r = *slot;
    if (!r)
        return begin(s, mhd, url, method, slot);
    if (r->response)
        return r->refused ? MHD_YES : queue(r); /* resumed with an answer */
    if (*data_n > 0) {
        if (http_has_body(r->method))
            buf_add(&r->body, data, *data_n);
        *data_n = 0;
        return MHD_YES;
    }
    if (r->from)
        hear(s->http, r->from);
    r->old = strcmp(version, MHD_HTTP_VERSION_1_1) != 0;
    arena_reset(&s->scratch);
    routes_handle(s, r);
    if (r->response)
        return queue(r);
    http_wait(s, r);
    if (r->poll)
        watch(s->http, r);
    return MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *mhd, void **slot,
                      enum MHD_RequestTerminationCode how)
{
    (void)mhd;
    (void)how;
    struct session *s = cls;
    struct request *r = *slot;
    *slot = NULL;
    if (!r)
        return;
    ENSURE(!r->suspended);
    if (r->from) {
        r->from->busy = false;
        if (!r->entrance) /* else there is no next request */
            r->from->received = bytes_received(r->from->fd);
    }
    routes_forget(s, r);
    admit_request_over(&r->queue);
    if (r->response && !r->shared)
        MHD_destroy_response(r->response);
    buf_fini(&r->body);
    free(r->path);
    free(r->who);
    free(r);
}

/* From an address that has too many it is cut at once. */
static void enter(struct session *s, struct MHD_Connection *mhd, struct http_peer *p)
{
    bool full = false;
    p->address = address_enter(s, peer_of(mhd), NULL, &full);
    if (!full)
        return;
    count_one(s, COUNT_refused_address);
    shutdown(p->fd, SHUT_RDWR);
}

static void peer_changed(void *cls, struct MHD_Connection *mhd, void **slot,
                         enum MHD_ConnectionNotificationCode code)
{
    struct session *s = cls;
    struct http *h = s->http;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct http_peer *p = calloc(1, sizeof *p);
        ENSURE(p != NULL);
        p->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        p->next = h->peers;
        if (h->peers)
            h->peers->prev = p;
        h->peers = p;
        h->unheard++;
        enter(s, mhd, p);
        *slot = p;
        count_one(s, COUNT_http_open);
    } else {
        struct http_peer *p = *slot;
        if (p->prev)
            p->prev->next = p->next;
        else
            h->peers = p->next;
        if (p->next)
            p->next->prev = p->prev;
        h->unheard -= !p->heard;
        address_leave(s, &p->address);
        free(p);
        gauge_down(s, COUNT_http_open);
    }
}

static size_t unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return guard_unescape(text);
}

static void mhd_says(void *cls, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void mhd_says(void *cls, const char *format, va_list args)
{
    struct session *s = cls;
    char line[300];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    if (s->http->daemon)
        s->http->dirty = true; /* run once more: it closes who it has no answer for */
    if (strstr(line, "code is 431") ||
        strstr(line, "code is 414")) /* its own page: nobody else hears */
        count_one(s, limit_rows[LIMIT_headers].counter);
    log_line("session.http says=\"%s\"", line);
}

uint32_t http_sockets_max(const struct session *s)
{
    return door_sockets_max(s->http->door);
}

/* What no setting says alone. */
static void settings_agree(const struct settings *set)
{
    struct bytes bad;
    if (!origins_valid(set->origins, &bad))
        refuse("session/origins: \"%.*s\": must be like https://example.com, //example.com:8443, "
               "//*.example.com, or *",
               (int)bad.n, bad.p);
    if (!proxies_valid(set->proxies))
        refuse("session/proxies: must be addresses like 127.0.0.1, ::1, comma between");
    if (hooks_refused(set))
        refuse("%s", hooks_refused(set));
    if (set->cookie[0] && origin_listed(set->origins, "null"))
        refuse("session/origins: * and auth/cookie exclude each other: any page could use the "
               "cookie");
}

struct http *http_new(struct session *s)
{
    struct http *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    s->http = h;
    h->s = s;
    settings_agree(s->settings);
    h->door = door_new(s);
    /* Turbo: it reads before it watches, and who is taken away at once is never watched. The door lets
     * in whose request has come. */
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_UPGRADE |
            MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
        0, NULL, NULL, access_handler, s, MHD_OPTION_EXTERNAL_LOGGER, mhd_says, s,
        MHD_OPTION_CONNECTION_LIMIT, door_sockets_max(h->door), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)KEEP_ALIVE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)s->settings->header_bytes, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, peer_changed, s, MHD_OPTION_END);
    if (!h->daemon)
        try_again("session.http error=\"libmicrohttpd does not start\"");
    h->mhd_fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct epoll_event inner = {.events = EPOLLIN, .data.u64 = wake_pack(WAKE_http, 0, 0)};
    ENSURE(epoll_ctl(s->epoll, EPOLL_CTL_ADD, h->mhd_fd, &inner) == 0);
    return h;
}

void http_accept_elsewhere(struct session *s)
{
    door_steer(s, s->http->door);
}

void http_accept_stop(struct session *s)
{
    door_shut(s, s->http->door);
}

void http_free(struct http **slot)
{
    struct http *h = *slot;
    if (!h)
        return;
    /* Whoever was suspended has been answered: nothing may be when it stops, and it needs more than
     * one run to have written all of it. */
    for (int i = 0; i < RUNS_PER_TURN && (i == 0 || http_deadline_ms(h->s) <= h->s->now_ms); i++)
        http_run(h->s);
    MHD_stop_daemon(h->daemon);
    door_free(&h->door);
    free(h->watched);
    free(h->free_ids);
    free(h);
    *slot = NULL;
}

/* ---- the loop calls us ---- */

static void client_left(struct http *h, uint32_t id, uint32_t generation)
{
    struct request *r = id < h->watched_n ? h->watched[id] : NULL;
    if (!r || r->generation != generation)
        return;
    longpoll_left(h->s, r);
    http_answer_poll(h->s, r, BYTES("{\"status\":500}")); /* to nobody: it lets libmicrohttpd see */
}

void http_ready(struct session *s, enum wake kind, uint32_t id, uint32_t generation)
{
    if (kind == WAKE_listen)
        door_accept(s, s->http->door, s->http->daemon);
    if (kind == WAKE_http_watch)
        client_left(s->http, id, generation);
    s->http->dirty = true;
}

void http_run(struct session *s)
{
    struct http *h = s->http;
    bool due = http_deadline_ms(s) <= s->now_ms;
    for (int i = 0; due && i < RUNS_PER_TURN; i++) {
        h->dirty = false;
        MHD_run(h->daemon);
        due = h->dirty;
    }
    door_turn(s, h->door);
}

uint64_t http_deadline_ms(const struct session *s)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (s->http->dirty)
        return s->now_ms;
    uint64_t door_ms = door_deadline_ms(s, s->http->door);
    if (MHD_get_timeout(s->http->daemon, &wait_ms) != MHD_YES)
        return door_ms;
    return s->now_ms + wait_ms < door_ms ? s->now_ms + wait_ms : door_ms;
}

bool http_asking(const struct session *s)
{
    return s->http->asking > 0;
}

bool http_unheard(const struct session *s)
{
    return s->http->unheard > 0;
}

static void cut(struct session *s, struct http_peer *p)
{
    shutdown(p->fd, SHUT_RDWR);
    p->slow_ms = s->now_ms; /* once: it is about to go */
    count_one(s, COUNT_close_slow);
}

/* libmicrohttpd's time-out is for idleness, so that a byte a second would live for ever. */
void http_sweep(struct session *s)
{
    for (struct http_peer *p = s->http->peers; p; p = p->next) {
        if (p->busy)
            continue;
        if (bytes_received(p->fd) == p->received)
            p->slow_ms = 0;
        else if (p->slow_ms == 0)
            p->slow_ms = s->now_ms;
        else if (s->now_ms - p->slow_ms > s->settings->header_ms)
            cut(s, p);
    }
}
