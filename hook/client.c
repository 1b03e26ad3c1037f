/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/client.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/loop.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ETAG_MAX = 200, EVENTS = 64 };

struct client {
    CURLM *multi;
    int epoll;
    uint64_t deadline_ms;
    const char *ca;
    struct running *first;
};

/* A call under way. */
struct running {
    struct running *next, *prev;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    void (*done)(void *about, const struct call_end *end);
    void *about;
    char etag[ETAG_MAX + 1], why[CURL_ERROR_SIZE];
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *cls, void *known)
{
    struct client *c = cls;
    struct epoll_event ev = {.data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(c->epoll, EPOLL_CTL_DEL, fd, NULL); /* it may be closed already */
        return 0;
    }
    ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    ENSURE(epoll_ctl(c->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) == 0);
    curl_multi_assign(c->multi, fd, c);
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *cls)
{
    struct client *c = cls;
    (void)multi;
    c->deadline_ms = ms < 0 ? LOOP_NEVER : clock_ms() + (uint64_t)ms;
    return 0;
}

struct client *client_new(const char *ca, unsigned connections)
{
    struct client *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    ENSURE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    c->multi = curl_multi_init();
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    ENSURE(c->multi != NULL);
    ENSURE(c->epoll >= 0);
    c->ca = ca;
    c->deadline_ms = LOOP_NEVER;
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    return c;
}

static void running_free(struct client *c, struct running *r)
{
    *(r->prev ? &r->prev->next : &c->first) = r->next;
    if (r->next)
        r->next->prev = r->prev;
    curl_multi_remove_handle(c->multi, r->easy);
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    buf_fini(&r->body);
    free(r);
}

void client_free(struct client **slot)
{
    struct client *c = *slot;
    *slot = NULL;
    if (!c)
        return;
    for (struct running *r = c->first, *next; r; r = next) {
        next = r->next;
        running_free(c, r);
    }
    curl_multi_cleanup(c->multi);
    close(c->epoll);
    free(c);
    curl_global_cleanup();
}

int client_fd(const struct client *c)
{
    return c->epoll;
}

/* Less than was given ends the call. */
static size_t on_body(char *p, size_t size, size_t n, void *cls)
{
    struct running *r = cls;
    buf_add(&r->body, p, size * n);
    return r->body.overflowed ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *cls)
{
    struct running *r = cls;
    size_t length = size * n;
    if (length <= 5 || strncasecmp(p, "etag:", 5) != 0)
        return length;
    const char *from = p + 5, *end = p + length;
    while (from < end && *from == ' ')
        from++;
    while (end > from && (unsigned char)end[-1] <= ' ')
        end--;
    bool fits = end - from <= ETAG_MAX;
    snprintf(r->etag, sizeof r->etag, "%.*s", fits ? (int)(end - from) : 0, from);
    return length;
}

static void add_header(struct running *r, const char *name, const char *value)
{
    char line[ETAG_MAX + 100];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    ENSURE(n > 0 && (size_t)n < sizeof line);
    struct curl_slist *more = curl_slist_append(r->headers, line);
    ENSURE(more != NULL);
    r->headers = more;
}

static void dress(const struct client *c, struct running *r, const struct call *call)
{
    char bearer[200];
    CURL *easy = r->easy;
    if (call->key) {
        snprintf(bearer, sizeof bearer, "Bearer %s", call->key);
        add_header(r, "Authorization", bearer);
    }
    if (call->etag[0])
        add_header(r, "If-None-Match", call->etag);
    add_header(r, "Accept", "application/json");
    if (call->json.n > 0) {
        add_header(r, "Content-Type", "application/json");
        add_header(r, "Expect", ""); /* no waiting for a 100 */
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->json.n);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, call->json.p);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not that of an environment */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->within_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->within_ms);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "belfry");
    if (c->ca[0])
        curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->why);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
}

void client_begin(struct client *c, const struct call *call)
{
    struct running *r = calloc(1, sizeof *r);
    ENSURE(r != NULL);
    r->easy = curl_easy_init();
    ENSURE(r->easy != NULL);
    r->done = call->done;
    r->about = call->about;
    buf_init(&r->body, call->body_max);
    r->next = c->first;
    if (c->first)
        c->first->prev = r;
    c->first = r;
    dress(c, r, call);
    ENSURE(curl_multi_add_handle(c->multi, r->easy) == CURLM_OK);
}

/* For a log: what a library says may have a server's bytes in it. */
static void tame(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == '"')
            *text = '?';
}

static void ended(struct client *c, struct running *r, CURLcode code)
{
    struct call_end end = {.body = buf_all(&r->body), .etag = r->etag};
    if (code == CURLE_OK)
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &end.status);
    end.late = code == CURLE_OPERATION_TIMEDOUT;
    end.why = r->body.overflowed ? "the answer is too large"
              : r->why[0]        ? r->why
                                 : curl_easy_strerror(code);
    tame(r->why);
    r->done(r->about, &end);
    running_free(c, r);
}

static void read_ended(struct client *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        char *about = NULL;
        CURLcode code = m->data.result; /* m goes with the handle */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &about);
        ended(c, (struct running *)(void *)about, code);
    }
}

void client_turn(struct client *c, uint64_t now_ms)
{
    struct epoll_event events[EVENTS];
    int running, n = epoll_wait(c->epoll, events, EVENTS, 0);
    for (int i = 0; i < n; i++) {
        int how = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                  (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                  (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(c->multi, events[i].data.fd, how, &running);
    }
    if (now_ms >= c->deadline_ms) {
        c->deadline_ms = LOOP_NEVER;
        curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    read_ended(c);
}

uint64_t client_deadline_ms(const struct client *c)
{
    return c->deadline_ms;
}
