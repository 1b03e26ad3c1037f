/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/listen.h"

#include "lib/ensure.h"
#include "lib/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct place {
    char host[LISTEN_TEXT]; /* without brackets */
    char port[8];
    struct sockaddr_storage address;
    socklen_t size;
};

static uint16_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)(void *)address)->sin6_port
                                          : &((struct sockaddr_in *)(void *)address)->sin_port;
}

/* HOST:PORT or [HOST]:PORT. */
static struct place place_read(const char *where)
{
    struct place p = {0};
    const char *colon = strrchr(where, ':');
    const char *host = where;
    size_t n = colon ? (size_t)(colon - where) : 0;
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    bool good = n > 0 && n < sizeof p.host &&
                strspn(colon + 1, "0123456789") == strlen(colon + 1) && colon[1] &&
                strlen(colon + 1) < sizeof p.port && strtoul(colon + 1, NULL, 10) < 65536;
    if (!good)
        refuse("listen = \"%s\" is not allowed: HOST:PORT or [HOST]:PORT, PORT from 0 to 65535",
               where);
    memcpy(p.host, host, n);
    memcpy(p.port, colon + 1, strlen(colon + 1));
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int e = getaddrinfo(p.host, p.port, &hints, &found);
    if (e)
        refuse("listen = \"%s\": %s", where, gai_strerror(e));
    memcpy(&p.address, found->ai_addr, found->ai_addrlen);
    p.size = found->ai_addrlen;
    freeaddrinfo(found);
    return p;
}

static bool any(const struct sockaddr_storage *address, bool *loopback)
{
    if (address->ss_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)
                                          ->sin6_addr;
        *loopback = IN6_IS_ADDR_LOOPBACK(six);
        return IN6_IS_ADDR_UNSPECIFIED(six);
    }
    uint32_t four = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
    *loopback = four >> 24 == 127;
    return four == 0;
}

static int bound(struct place *p, const char *where, bool shared)
{
    int one = 1;
    int fd = socket(p->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ENSURE(fd >= 0);
    ENSURE(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
    if (shared)
        ENSURE(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0);
    if (bind(fd, (struct sockaddr *)&p->address, p->size) != 0) {
        if (errno == EADDRINUSE)
            try_again("listen = \"%s\": another process listens there", where);
        refuse("listen = \"%s\": %s", where, strerror(errno));
    }
    return fd;
}

struct listen_at listen_open(const char *where, unsigned count, bool loopback_only, int *sockets)
{
    struct place p = place_read(where);
    bool loopback;
    bool every = any(&p.address, &loopback);
    if (loopback_only && !loopback)
        refuse("listen = \"%s\": development mode asks nobody for keys, so it listens on loopback "
               "only: 127.0.0.1:PORT",
               where);
    /* SO_REUSEPORT would share the port with another installation of the same user, and each would
     * get half of the other's clients: so first try without. */
    if (*port_of(&p.address) != 0)
        close(bound(&p, where, false));
    for (unsigned i = 0; i < count; i++) {
        sockets[i] = bound(&p, where, true);
        if (listen(sockets[i], LISTEN_BACKLOG) != 0)
            try_again("listen = \"%s\": %s", where, strerror(errno));
        /* Port 0: the first one got it, the others take the same. */
        ENSURE(getsockname(sockets[i], (struct sockaddr *)&p.address, &p.size) == 0);
    }
    struct listen_at at;
    unsigned port = ntohs(*port_of(&p.address));
    bool six = strchr(p.host, ':') != NULL;
    snprintf(at.text, sizeof at.text, six ? "[%.48s]:%u" : "%.48s:%u", p.host, port);
    const char *local = !every ? p.host : p.address.ss_family == AF_INET6 ? "::1" : "127.0.0.1";
    six = strchr(local, ':') != NULL;
    snprintf(at.address, sizeof at.address, six ? "[%.48s]:%u" : "%.48s:%u", local, port);
    return at;
}
