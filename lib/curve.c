/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/curve.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum {
    KEY_TEXT = 41,  /* Z85, with its NUL */
    KEY_BYTES = 32, /* as ZAP says it */
    HANDSHAKE_MS = 3000,
    CONNECT_MS = 3000,
    BEAT_MS = 2000, /* a peer that says nothing for GONE_MS has gone: its machine may have, too */
    GONE_MS = 8000,
    MESSAGE_MAX = 32 << 20,
    BACKLOG = 1000,
    SAY_MS = 1000, /* a refusal is logged this often at most */
    ASKED_ID = 64,
};

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"

static struct {
    char secret[KEY_TEXT], public[KEY_TEXT];
    uint8_t known[KEY_BYTES]; /* `public`, as a peer's */
    bool loaded;
    uint64_t refused; /* atomic */
} curve;

bool curve_needed(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", 6) == 0;
}

bool curve_make(const char *file)
{
    char secret[KEY_TEXT], public[KEY_TEXT];
    ENSURE(zmq_curve_keypair(public, secret) == 0);
    secret[KEY_TEXT - 1] = '\n';
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && file_keep(fd, (struct bytes){secret, KEY_TEXT});
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !good)
        unlink(file);
    explicit_bzero(secret, sizeof secret);
    errno = why;
    return good;
}

const char *curve_load(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    char text[KEY_TEXT + 2] = "";
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    while (n > 0 && strchr("\r\n ", text[n - 1]))
        n--;
    if (n != KEY_TEXT - 1)
        return "it is no key: `belfry init` writes one of 40 letters";
    memcpy(curve.secret, text, KEY_TEXT - 1);
    explicit_bzero(text, sizeof text);
    if (zmq_curve_public(curve.public, curve.secret) != 0)
        return errno == ENOTSUP ? "this libzmq was built without CURVE" : "it is no key";
    ENSURE(zmq_z85_decode(curve.known, curve.public) != NULL);
    curve.loaded = true;
    return NULL;
}

/* ---- who a peer is ---- */

struct asked {
    char id[ASKED_ID], address[ASKED_ID];
    size_t id_n, address_n;
    bool ours;
};

static size_t keep(char room[ASKED_ID], struct bytes part)
{
    size_t n = part.n < ASKED_ID ? part.n : ASKED_ID;
    memcpy(room, part.p, n);
    return n;
}

/* The parts of a question, in their order. */
enum { ZAP_version, ZAP_id, ZAP_domain, ZAP_address, ZAP_identity, ZAP_mechanism, ZAP_key };

static void take(struct asked *a, int which, struct bytes part)
{
    if (which == ZAP_id)
        a->id_n = keep(a->id, part);
    else if (which == ZAP_address)
        a->address_n = keep(a->address, part);
    else if (which == ZAP_mechanism)
        a->ours = bytes_is(part, "CURVE");
    else if (which == ZAP_key)
        a->ours = a->ours && part.n == KEY_BYTES && memcmp(part.p, curve.known, KEY_BYTES) == 0;
}

/* False: the context ends. */
static bool question(void *zap, struct asked *a)
{
    zmq_msg_t part;
    bool more = true;
    int n = 0;
    *a = (struct asked){0};
    zmq_msg_init(&part);
    while (more) {
        if (zmq_msg_recv(&part, zap, 0) < 0) {
            ENSURE(errno == ETERM || errno == EINTR);
            if (errno == ETERM)
                break;
            continue;
        }
        take(a, n++, sock_bytes(&part));
        more = zmq_msg_more(&part);
    }
    a->ours = a->ours && n == ZAP_key + 1;
    zmq_msg_close(&part);
    return !more;
}

static void refused(const struct asked *a)
{
    static uint64_t said_ms; /* of the one thread */
    uint64_t now_ms = clock_ms();
    __atomic_fetch_add(&curve.refused, 1, __ATOMIC_RELAXED);
    if (said_ms != 0 && now_ms - said_ms < SAY_MS)
        return;
    said_ms = now_ms;
    log_line("curve.refused address=%s error=\"it has another key\"",
             log_safe((struct bytes){a->address, a->address_n}));
}

static void answer(void *zap, const struct asked *a)
{
    const struct bytes parts[] = {BYTES("1.0"), {a->id, a->id_n}, BYTES(""),
                                  BYTES(""),    BYTES(""),        BYTES("")};
    const int n = sizeof parts / sizeof *parts;
    for (int i = 0; i < n; i++) {
        struct bytes part = i != 2 ? parts[i] : a->ours ? BYTES("200") : BYTES("400");
        zmq_send(zap, part.p, part.n, i + 1 < n ? ZMQ_SNDMORE : 0);
    }
}

static void *answer_all(void *zap)
{
    struct asked a;
    while (question(zap, &a)) {
        if (!a.ours)
            refused(&a);
        answer(zap, &a);
    }
    zmq_close(zap); /* the context waits for it */
    return NULL;
}

void curve_open(void *ctx)
{
    if (!curve.loaded)
        return;
    pthread_t thread;
    void *zap = sock_new(ctx, ZMQ_REP, 0);
    ENSURE(zmq_bind(zap, ZAP_ENDPOINT) == 0);
    ENSURE(pthread_create(&thread, NULL, answer_all, zap) == 0);
    ENSURE(pthread_detach(thread) == 0);
}

/* ---- sockets ---- */

static void key(void *sock, int option, const char *text)
{
    ENSURE(zmq_setsockopt(sock, option, text, KEY_TEXT) == 0);
}

static void between_machines(void *sock)
{
    const int64_t most = MESSAGE_MAX;
    ENSURE(curve.loaded);
    ENSURE(zmq_setsockopt(sock, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0);
    sock_set(sock, ZMQ_IPV6, 1);
    sock_set(sock, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    sock_set(sock, ZMQ_HEARTBEAT_IVL, BEAT_MS);
    sock_set(sock, ZMQ_HEARTBEAT_TIMEOUT, GONE_MS);
    key(sock, ZMQ_CURVE_SECRETKEY, curve.secret);
}

void curve_serve(void *sock)
{
    between_machines(sock);
    sock_set(sock, ZMQ_BACKLOG, BACKLOG);
    sock_set(sock, ZMQ_CURVE_SERVER, 1);
}

void curve_call(void *sock)
{
    between_machines(sock);
    sock_set(sock, ZMQ_CONNECT_TIMEOUT, CONNECT_MS);
    key(sock, ZMQ_CURVE_PUBLICKEY, curve.public);
    key(sock, ZMQ_CURVE_SERVERKEY, curve.public);
}

uint64_t curve_refused(void)
{
    return __atomic_load_n(&curve.refused, __ATOMIC_RELAXED);
}
