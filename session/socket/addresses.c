/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/addresses.h"

#include "lib/ensure.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { TEXT_SIZE = INET6_ADDRSTRLEN };

struct address {
    uint32_t count;
    struct in6_addr at; /* IPv4 mapped into IPv6; IPv6 without its last 64 bits */
};

static struct bytes name_of(const void *thing)
{
    return (struct bytes){(const char *)&((const struct address *)thing)->at,
                          sizeof(struct in6_addr)};
}

void addresses_init(struct session *s)
{
    map_init(&s->addresses, name_of, s->seed);
}

void addresses_fini(struct session *s)
{
    ENSURE(s->addresses.used == 0);
    map_fini(&s->addresses);
}

static void map_v4(struct in6_addr *out, const void *four)
{
    memset(out, 0, sizeof *out);
    out->s6_addr[10] = out->s6_addr[11] = 0xff;
    memcpy(out->s6_addr + 12, four, 4);
}

static bool of_sockaddr(const struct sockaddr *peer, struct in6_addr *out)
{
    if (peer->sa_family == AF_INET)
        map_v4(out, &((const struct sockaddr_in *)(const void *)peer)->sin_addr);
    else if (peer->sa_family == AF_INET6)
        *out = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    else
        return false;
    return true;
}

static bool of_text(struct bytes text, struct in6_addr *out)
{
    char room[TEXT_SIZE];
    struct in_addr four;
    if (text.n == 0 || text.n >= sizeof room)
        return false;
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    if (inet_pton(AF_INET6, room, out) == 1)
        return true;
    if (inet_pton(AF_INET, room, &four) != 1)
        return false;
    map_v4(out, &four);
    return true;
}

/* The last entry of a list, taken off it. */
static bool last(struct bytes *list, struct bytes *entry)
{
    while (list->n > 0 && strchr(", \t", list->p[list->n - 1]))
        list->n--;
    size_t from = list->n;
    while (from > 0 && !strchr(", \t", list->p[from - 1]))
        from--;
    *entry = (struct bytes){list->p + from, list->n - from};
    list->n = from;
    return entry->n > 0;
}

static bool trusted(const struct session *s, const struct in6_addr *at)
{
    struct bytes list = bytes_of(s->settings->proxies), entry;
    struct in6_addr one;
    while (last(&list, &entry))
        if (of_text(entry, &one) && memcmp(&one, at, sizeof one) == 0)
            return true;
    return false;
}

bool proxies_valid(const char *text)
{
    struct bytes list = bytes_of(text), entry;
    struct in6_addr one;
    while (last(&list, &entry))
        if (!of_text(entry, &one))
            return false;
    return true;
}

static bool loopback(const struct in6_addr *at)
{
    return IN6_IS_ADDR_LOOPBACK(at) || (IN6_IS_ADDR_V4MAPPED(at) && at->s6_addr[12] == 127);
}

/* Who it is, as far as it can be believed. False: somebody's behind a proxy that does not say whose. */
static bool origin_of(const struct session *s, const struct sockaddr *peer, const char *forwarded,
                      struct in6_addr *at)
{
    struct bytes list = bytes_of(forwarded ? forwarded : ""), entry;
    if (!of_sockaddr(peer, at))
        return false;
    while (trusted(s, at) && last(&list, &entry))
        if (!of_text(entry, at))
            return false;
    return true;
}

void address_ip(const struct session *s, const struct sockaddr *peer, const char *forwarded,
                uint8_t out[IP_SIZE])
{
    struct in6_addr at = {0};
    _Static_assert(sizeof at == IP_SIZE, "an address of IPv6");
    origin_of(s, peer, forwarded, &at);
    memcpy(out, &at, IP_SIZE);
}

void ip_write(struct buf *out, const uint8_t ip[IP_SIZE])
{
    char text[TEXT_SIZE];
    struct in6_addr at;
    memcpy(&at, ip, sizeof at);
    bool four = IN6_IS_ADDR_V4MAPPED(&at);
    buf_text(out, inet_ntop(four ? AF_INET : AF_INET6, four ? ip + 12 : ip, text, sizeof text));
}

/* False: not counted. */
static bool place_of(const struct session *s, const struct sockaddr *peer, const char *forwarded,
                     struct in6_addr *at)
{
    if (!origin_of(s, peer, forwarded, at) || trusted(s, at) || loopback(at))
        return false;
    if (!IN6_IS_ADDR_V4MAPPED(at))
        memset(at->s6_addr + 8, 0, 8);
    return true;
}

struct address *address_enter(struct session *s, const struct sockaddr *peer, const char *forwarded,
                              bool *full)
{
    struct in6_addr at;
    uint64_t most = s->settings->address_connections;
    *full = false;
    if (most == 0 || !place_of(s, peer, forwarded, &at))
        return NULL;
    struct address *a = map_get(&s->addresses, (struct bytes){(const char *)&at, sizeof at});
    *full = a && a->count >= most;
    if (*full)
        return NULL;
    if (!a) {
        a = calloc(1, sizeof *a);
        ENSURE(a != NULL);
        a->at = at;
        map_put(&s->addresses, a);
    }
    a->count++;
    return a;
}

void address_leave(struct session *s, struct address **slot)
{
    struct address *a = *slot;
    *slot = NULL;
    if (!a || --a->count > 0)
        return;
    map_remove(&s->addresses, a);
    free(a);
}
