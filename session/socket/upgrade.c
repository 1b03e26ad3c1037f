/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/upgrade.h"

#include "lib/base64.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "session/socket/admit.h"
#include "session/auth/auth.h"
#include "session/socket/entrance.h"
#include "session/http/guard.h"
#include "session/socket/longpoll.h"
#include "session/socket/phoenix.h"
#include "session/socket/polltoken.h"
#include "session/socket/websocket.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* 1.0.x and 2.0.x; absent means 1.0.0. 0: any other. */
static uint8_t vsn_of(const struct request *r)
{
    struct bytes text = request_query(r, "vsn");
    if (!text.p)
        return PHX_V1;
    if (text.n < 5 || (text.p[0] != '1' && text.p[0] != '2') || memcmp(text.p + 1, ".0.", 3) != 0)
        return 0;
    for (size_t i = 4; i < text.n; i++)
        if (!isdigit((unsigned char)text.p[i]))
            return 0;
    return (uint8_t)(text.p[0] - '0');
}

#define TOKEN_PROTOCOL "base64url.bearer.phx."

/* Sec-WebSocket-Protocol: `phoenix` is offered, and perhaps a token beside it. */
struct offer {
    bool any, phoenix;
    struct bytes token; /* still in base64 */
};

static struct offer offer_of(const struct request *r)
{
    struct offer o = {0};
    const char *list = request_header(r, "Sec-WebSocket-Protocol");
    for (const char *p = list ? list : ""; *p;) {
        p += strspn(p, " \t,");
        size_t n = strcspn(p, ", \t"), prefix = sizeof TOKEN_PROTOCOL - 1;
        o.any = o.any || n > 0;
        if (n == 7 && strncmp(p, "phoenix", 7) == 0)
            o.phoenix = true;
        else if (n > prefix && strncmp(p, TOKEN_PROTOCOL, prefix) == 0)
            o.token = (struct bytes){p + prefix, n - prefix};
        p += n;
    }
    return o;
}

static void accept_key(const char *key, char out[32])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[24 + sizeof guid];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    snprintf(text, sizeof text, "%s%s", key, guid);
    ENSURE(EVP_Digest(text, strlen(text), digest, &n, EVP_sha1(), NULL) == 1);
    EVP_EncodeBlock((unsigned char *)out, digest, (int)n);
}

/* What the connection takes of it; its address is the connection's from here on. */
static struct hello hello_of(struct session *s, struct entrance *e)
{
    struct hello hello = auth_hello(s, &e->who.token, e->vsn);
    memcpy(hello.ip, e->ip, sizeof hello.ip);
    hello.from = e->from;
    e->from = NULL;
    admit_came(s, e);
    return hello;
}

static void refuse_websocket(struct session *s, struct request *r, unsigned status, const char *why)
{
    http_problem(s, r, status, "", why);
    MHD_add_response_header(r->response, "Connection", "close");
}

/* The socket is ours from here on; libmicrohttpd closes its own descriptor of it at once. */
static void taken(void *cls, struct MHD_Connection *mhd, void *req, const char *extra, size_t n,
                  MHD_socket socket, struct MHD_UpgradeResponseHandle *handle)
{
    struct request *r = cls;
    struct session *s = r->s;
    (void)mhd;
    (void)req;
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    struct hello hello = hello_of(s, r->entrance);
    int on = 1; /* as door.c wants it: libmicrohttpd has just taken it away */
    if (fd < 0) {
        log_line("session.upgrade error=\"%s\"", strerror(errno));
        address_leave(s, &hello.from);
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        websocket_adopt(s, fd, &hello, (struct bytes){extra, n});
    }
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    http_ready(s, WAKE_http, 0, 0); /* run once more: it has something to free */
}

static void say_101(struct request *r, const char *key, const struct offer *o)
{
    char accept[32];
    accept_key(key, accept);
    struct MHD_Response *response = MHD_create_response_for_upgrade(taken, r);
    ENSURE(response != NULL);
    MHD_add_response_header(response, "Upgrade", "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    if (o->any) /* a browser fails a connection whose offers got no answer */
        MHD_add_response_header(response, "Sec-WebSocket-Protocol", "phoenix");
    r->response = response;
    r->status = MHD_HTTP_SWITCHING_PROTOCOLS;
}

/* The token of a handshake: params.token, or the one in the subprotocol; or in a cookie, which a page's
 * handshake brings along with its Origin. */
static bool handshake_token(struct session *s, const struct request *r, const struct offer *o,
                            struct bytes *token)
{
    *token = request_query(r, "token");
    if (token->n == 0 && o->token.n == 0 && request_header(r, "Origin"))
        *token = auth_cookie(s, r);
    return o->token.n == 0 || base64_read(o->token, &s->scratch, token);
}

/* Nothing is in its way any more but room. */
static void let_websocket_in(struct session *s, struct request *r)
{
    struct offer offer = offer_of(r);
    request_place_leave(r);
    enum limit full = admit_connection(s, r);
    if (full == LIMIT_COUNT) {
        say_101(r, request_header(r, "Sec-WebSocket-Key"), &offer);
        if (r->suspended)
            http_go_on(s, r);
    } else {
        limit_refuse(s, r, full);
        MHD_add_response_header(r->response, "Connection", "close");
    }
}

void upgrade_websocket(struct session *s, struct request *r)
{
    const char *key, *why;
    unsigned status = guard_handshake(r->mhd, &key, &why);
    struct offer offer = offer_of(r);
    uint8_t vsn = vsn_of(r);
    struct bytes token;
    struct who who;
    if (r->method != HTTP_GET || r->head || r->old) {
        refuse_websocket(s, r, 400, "a WebSocket begins with GET of HTTP/1.1");
    } else if (status != 0) {
        refuse_websocket(s, r, status, why);
    } else if (!auth_origin(s, r)) {
        count_one(s, COUNT_refused_origin);
        refuse_websocket(s, r, 403, "this origin may not connect");
    } else if (vsn == 0) {
        refuse_websocket(s, r, 403, "vsn must be 2.0.x or 1.0.x");
    } else if (offer.any && !offer.phoenix) {
        refuse_websocket(s, r, 403, "none of the offered subprotocols is phoenix");
    } else if (!handshake_token(s, r, &offer, &token)) {
        count_one(s, COUNT_refused_auth);
        refuse_websocket(s, r, 403, "the token is not base64");
    } else if (auth_socket(s, token, &who), who.kind != WHO_user) {
        refuse_websocket(s, r, who.later ? 503 : 403,
                         who.why ? who.why : "a socket needs a user's token");
    } else {
        entrance_enter(s, r, &who, vsn, token);
    }
}

/* ---- long-poll ---- */

static void preflight(struct session *s, struct request *r)
{
    const char *asked = request_header(r, "Access-Control-Request-Headers");
    const char *const headers[] = {"Access-Control-Allow-Origin",
                                   "*",
                                   "Access-Control-Allow-Methods",
                                   "get, post, options",
                                   "Access-Control-Max-Age",
                                   "3600",
                                   "Access-Control-Allow-Headers",
                                   asked ? asked : "content-type",
                                   NULL};
    http_answer(s, r, 200, NULL, (struct bytes){0}, headers);
}

/* phoenix.js calls both the user's token and the session's `token`, and appends the latter. */
struct poll_tokens {
    struct bytes session, user;
};

static enum MHD_Result look_at(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
                               const char *value, size_t value_n)
{
    (void)kind;
    struct poll_tokens *t = cls;
    if (name_n != 5 || memcmp(name, "token", 5) != 0 || !value)
        return MHD_YES;
    bool jwt = memchr(value, '.', value_n) != NULL;
    *(jwt ? &t->user : &t->session) = (struct bytes){value, value_n};
    return MHD_YES;
}

static struct poll_tokens tokens_of(const struct request *r)
{
    struct poll_tokens t = {{0}, {0}};
    MHD_get_connection_values_n(r->mhd, MHD_GET_ARGUMENT_KIND, look_at, &t);
    const char *header = request_header(r, "X-Phoenix-Longpoll-Token");
    if (header)
        t.session = bytes_of(header);
    header = request_header(r, "X-Phoenix-AuthToken");
    if (header)
        t.user = bytes_of(header);
    return t;
}

bool upgrade_admit(struct session *s, struct request *r)
{
    struct poll_token token;
    if (poll_token_read(&token, tokens_of(r).session, bytes_of(s->token_key), &s->scratch))
        return true;
    http_answer_poll(s, r, BYTES("{\"status\":410}")); /* as of a session that is over */
    return false;
}

static void let_longpoll_in(struct session *s, struct request *r)
{
    enum limit full = admit_connection(s, r);
    if (full == LIMIT_COUNT) {
        struct hello hello = hello_of(s, r->entrance);
        longpoll_open(s, r, &hello);
        return;
    }
    count_one(s, limit_rows[full].counter);
    http_answer_poll(s, r, BYTES("{\"status\":500}"));
}

static void open_session(struct session *s, struct request *r, struct bytes token)
{
    uint8_t vsn = vsn_of(r);
    struct who who;
    auth_socket(s, token, &who);
    bool later = s->draining || who.later;
    if (vsn == 0 || who.kind != WHO_user || later) {
        http_answer_poll(s, r, later ? BYTES("{\"status\":500}") : BYTES("{\"status\":403}"));
        return;
    }
    entrance_enter(s, r, &who, vsn, token);
}

void upgrade_longpoll(struct session *s, struct request *r)
{
    if (r->method == HTTP_OPTIONS) {
        preflight(s, r);
        return;
    }
    if (r->head || (r->method != HTTP_GET && r->method != HTTP_POST)) {
        http_problem(s, r, 400, "", "a long-poll is GET, POST or OPTIONS");
        return;
    }
    if (!auth_origin(s, r)) {
        count_one(s, COUNT_refused_origin);
        http_answer_poll(s, r, BYTES("{\"status\":403}"));
        return;
    }
    bool post = r->method == HTTP_POST;
    struct poll_tokens tokens = tokens_of(r);
    const char *type = request_header(r, "Content-Type");
    r->poll = true;
    if (tokens.session.n > 0 || post)
        longpoll_request(s, r, tokens.session, post,
                         type && strncasecmp(type, "application/x-ndjson", 20) == 0);
    else
        open_session(s, r, tokens.user.n > 0 ? tokens.user : auth_cookie(s, r));
}

/* ---- entrance.h ---- */

void upgrade_let_in(struct session *s, struct request *r)
{
    if (r->poll)
        let_longpoll_in(s, r);
    else
        let_websocket_in(s, r);
}

void upgrade_refuse(struct session *s, struct request *r, bool later, const char *why)
{
    if (r->poll)
        http_answer_poll(s, r, later ? BYTES("{\"status\":500}") : BYTES("{\"status\":403}"));
    else
        refuse_websocket(s, r, later ? 503 : 403, why);
}
