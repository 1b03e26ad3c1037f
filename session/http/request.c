/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/request.h"

#include "session/socket/addresses.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <strings.h>

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

struct bytes request_query(const struct request *r, const char *name)
{
    const char *value = NULL;
    size_t n = 0;
    if (MHD_lookup_connection_value_n(r->mhd, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value,
                                      &n) != MHD_YES)
        return (struct bytes){0};
    return (struct bytes){value ? value : "", n};
}

struct query_walk {
    bool (*look)(void *about, struct bytes name);
    void *about;
    bool all;
};

static enum MHD_Result query_next(void *cls, enum MHD_ValueKind kind, const char *name, size_t n,
                                  const char *value, size_t value_n)
{
    struct query_walk *w = cls;
    (void)kind, (void)value, (void)value_n;
    w->all = w->look(w->about, (struct bytes){name, n});
    return w->all ? MHD_YES : MHD_NO;
}

bool request_query_each(const struct request *r, bool (*look)(void *about, struct bytes name),
                        void *about)
{
    struct query_walk w = {look, about, true};
    MHD_get_connection_values_n(r->mhd, MHD_GET_ARGUMENT_KIND, query_next, &w);
    return w.all;
}

struct bytes request_cookie(const struct request *r, const char *name)
{
    const char *value = MHD_lookup_connection_value(r->mhd, MHD_COOKIE_KIND, name);
    return value ? bytes_of(value) : (struct bytes){0};
}

const struct sockaddr *peer_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

/* All of X-Forwarded-For as one list: a proxy may add a line of its own behind a client's. */
struct forwarded {
    struct buf list;
    char room[HEADER_BYTES_MAX];
};

static enum MHD_Result add_forwarded(void *cls, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct buf *list = cls;
    (void)kind;
    if (value && strcasecmp(name, "X-Forwarded-For") == 0) {
        buf_text(list, list->n > 0 ? "," : "");
        buf_text(list, value);
    }
    return MHD_YES;
}

static const char *forwarded_for(const struct request *r, struct forwarded *f)
{
    f->list = (struct buf){.p = f->room, .cap = sizeof f->room, .max = sizeof f->room};
    MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, add_forwarded, &f->list);
    buf_byte(&f->list, '\0');
    return f->list.overflowed ? "" : f->room;
}

struct address *request_address(const struct request *r, bool *full)
{
    struct forwarded f;
    const struct sockaddr *peer = peer_of(r->mhd);
    *full = false;
    return peer ? address_enter(r->s, peer, forwarded_for(r, &f), full) : NULL;
}

void request_ip(const struct request *r, uint8_t out[IP_SIZE])
{
    struct forwarded f;
    const struct sockaddr *peer = peer_of(r->mhd);
    memset(out, 0, IP_SIZE);
    if (peer)
        address_ip(r->s, peer, forwarded_for(r, &f), out);
}

bool request_loopback(const struct request *r)
{
    const struct sockaddr *a = peer_of(r->mhd);
    if (!a)
        return false;
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    const struct sockaddr_in6 *six = (const void *)a;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}
