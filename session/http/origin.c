/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/origin.h"

#include <strings.h>

/* Parts that are not given are empty. */
struct origin {
    struct bytes scheme, host, port;
    bool below; /* the host and all below it */
};

bool same_host(struct bytes a, struct bytes b)
{
    return a.n == b.n && a.n > 0 && strncasecmp(a.p, b.p, a.n) == 0;
}

static bool all_of(struct bytes text, const char *letters)
{
    for (size_t i = 0; i < text.n; i++)
        if (!strchr(letters, text.p[i]) || !text.p[i])
            return false;
    return text.n > 0;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static size_t host_length(const char *p, size_t n)
{
    const char *end = n > 0 && *p == '[' ? memchr(p, ']', n) : memchr(p, ':', n);
    if (n > 0 && *p == '[')
        return end ? (size_t)(end - p) + 1 : 0;
    return end ? (size_t)(end - p) : n;
}

static bool port_read(struct bytes rest, struct bytes *port)
{
    if (rest.n == 0)
        return true;
    *port = (struct bytes){rest.p + 1, rest.n - 1};
    return rest.p[0] == ':' && port->n <= 5 && all_of(*port, DIGITS);
}

/* [SCHEME:]//[*.]HOST[:PORT], and nothing behind it. */
static bool origin_read(struct bytes text, struct origin *o)
{
    const char *slashes = text.n > 0 ? memmem(text.p, text.n, "//", 2) : NULL;
    *o = (struct origin){0};
    if (!slashes)
        return false;
    size_t before = (size_t)(slashes - text.p);
    if (before > 0 && slashes[-1] != ':')
        return false;
    o->scheme = (struct bytes){text.p, before > 0 ? before - 1 : 0};
    struct bytes rest = {slashes + 2, text.n - before - 2};
    o->below = rest.n > 2 && memcmp(rest.p, "*.", 2) == 0;
    if (o->below)
        rest = (struct bytes){rest.p + 2, rest.n - 2};
    o->host = (struct bytes){rest.p, host_length(rest.p, rest.n)};
    return (before == 0 || all_of(o->scheme, LOWER UPPER DIGITS "+-.")) &&
           all_of(o->host, LOWER UPPER DIGITS "-._[]:") &&
           port_read((struct bytes){rest.p + o->host.n, rest.n - o->host.n}, &o->port);
}

static struct bytes port_of(const struct origin *o)
{
    if (o->port.n > 0)
        return o->port;
    return same_host(o->scheme, BYTES("https"))  ? BYTES("443")
           : same_host(o->scheme, BYTES("http")) ? BYTES("80")
                                                 : (struct bytes){0};
}

static bool host_matches(const struct origin *entry, struct bytes host)
{
    size_t n = entry->host.n;
    if (same_host(entry->host, host))
        return true;
    return entry->below && host.n > n + 1 && host.p[host.n - n - 1] == '.' &&
           same_host(entry->host, (struct bytes){host.p + host.n - n, n});
}

static bool matches(const struct origin *entry, const struct origin *o)
{
    if (entry->scheme.n > 0 && !same_host(entry->scheme, o->scheme))
        return false;
    struct bytes port = port_of(entry); /* a scheme has one, too */
    return host_matches(entry, o->host) && (port.n == 0 || bytes_equal(port, port_of(o)));
}

/* The next entry of a list, or false. */
static bool next(const char **list, struct bytes *entry)
{
    *list += strspn(*list, ", ");
    *entry = (struct bytes){*list, strcspn(*list, ", ")};
    *list += entry->n;
    return entry->n > 0;
}

bool origin_listed(const char *list, const char *origin)
{
    struct origin entry, o;
    struct bytes text;
    bool read = origin_read(bytes_of(origin), &o) && o.scheme.n > 0 && !o.below;
    while (next(&list, &text))
        if (bytes_is(text, "*") || (read && origin_read(text, &entry) && matches(&entry, &o)))
            return true;
    return false;
}

bool origins_valid(const char *list, struct bytes *bad)
{
    struct origin o;
    while (next(&list, bad))
        if (!bytes_is(*bad, "*") && !origin_read(*bad, &o))
            return false;
    return true;
}

struct bytes origin_host(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *from = scheme ? scheme + 3 : text;
    size_t n = *from == '[' ? strcspn(from, "]") + 1 : strcspn(from, ":/");
    return (struct bytes){from, n};
}

bool origin_allowed(const char *list, const char *origin, const char *host)
{
    if (!origin || (host && same_host(origin_host(origin), origin_host(host))))
        return true;
    return origin_listed(list, origin);
}
