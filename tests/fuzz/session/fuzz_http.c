/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of HTTP sends, through libmicrohttpd to the checks that it leaves to us: what they let
 * through has no NUL, no second Content-Length, no Transfer-Encoding, and no body above the limit. */
#include "tests/fuzz/fuzz.h"

#include "session/http/guard.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 4096, RUNS = 40, INPUT_MAX = 20000 };

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    ENSURE(r != NULL);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result request(void *cls, struct MHD_Connection *c, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *data_n, void **slot)
{
    static int begun;
    const char *why, *key;
    (void)cls, (void)method, (void)version, (void)data;
    if (*slot) {
        *data_n = 0;
        return *data_n == 0 && data ? MHD_YES : answer(c, 200);
    }
    *slot = &begun;
    unsigned status = guard_request(c, BODY_MAX, &why);
    ENSURE((status == 0) == (why == NULL) && (status == 0 || (status >= 400 && status < 500)));
    if (status != 0)
        return answer(c, status);
    const char *length = header(c, "Content-Length");
    ENSURE(!header(c, "Transfer-Encoding"));
    ENSURE(!length || strtoull(length, NULL, 10) <= BODY_MAX);
    ENSURE(url[strlen(url)] == '\0');
    if (guard_handshake(c, &key, &why) == 0)
        ENSURE(key && strlen(key) == 24 && strcmp(header(c, "Sec-WebSocket-Version"), "13") == 0);
    return MHD_YES;
}

static size_t unescape(void *cls, struct MHD_Connection *c, char *text)
{
    (void)cls, (void)c;
    size_t n = guard_unescape(text);
    ENSURE(strlen(text) == n);
    return n;
}

static struct MHD_Daemon *daemon_new(void)
{
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, request, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)8192, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
    ENSURE(d != NULL);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct MHD_Daemon *daemon;
    int pair[2];
    struct sockaddr_storage from = {.ss_family = AF_UNIX};
    if (n == 0 || n > INPUT_MAX)
        return 0;
    if (!daemon)
        daemon = daemon_new();
    ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    ENSURE(MHD_add_connection(daemon, pair[0], (struct sockaddr *)&from, sizeof from) == MHD_YES);
    size_t first = n > 1 && data[0] < 128 ? data[0] % n : n; /* it may come in two parts */
    ENSURE(send(pair[1], data, first, MSG_NOSIGNAL) >= 0);
    MHD_run(daemon);
    ssize_t sent = send(pair[1], data + first, n - first, MSG_NOSIGNAL);
    (void)sent; /* it may be closed already */
    shutdown(pair[1], SHUT_WR);
    for (int i = 0; i < RUNS; i++)
        MHD_run(daemon);
    close(pair[1]);
    for (int i = 0; i < 3; i++)
        MHD_run(daemon);
    return 0;
}
