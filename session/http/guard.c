/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/guard.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>

/* Seen twice, these mean two things at once. */
static const char *const once[] = {
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Content-Type",
    "Origin",
    "Authorization",
    "Upgrade",
    "Sec-WebSocket-Key",
    "Expect",
    "Idempotency-Key",
    "Sec-WebSocket-Version",
    "X-Phoenix-AuthToken",
    "Cookie",
};
enum { ONCE = sizeof once / sizeof *once };

struct look {
    unsigned seen; /* a bit for each of `once` */
    bool twice, malformed;
};

static bool token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* A folded line (obs-fold) may be refused, RFC 9112, 5.2. libmicrohttpd 0.9.75 puts it behind the name, which it
 * moves for that: then the value does not lie behind the name any more, as it came. */
static bool folded(const char *name, size_t name_n, const char *value)
{
    const char *colon = name + name_n; /* its place: a NUL by now */
    if ((uintptr_t)value <= (uintptr_t)colon)
        return true;
    size_t spaces = (size_t)((uintptr_t)value - (uintptr_t)colon) - 1;
    return strspn(colon + 1, " \t") < spaces;
}

static enum MHD_Result look_at(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
                               const char *value, size_t value_n)
{
    (void)kind;
    struct look *look = cls;
    for (size_t i = 0; i < name_n; i++)
        if (!token_char((unsigned char)name[i]))
            look->malformed = true;
    if (name_n == 0 || !value || strlen(value) != value_n || strchr(value, '\r') ||
        folded(name, name_n, value))
        look->malformed = true;
    for (unsigned i = 0; i < ONCE; i++) {
        if (strcasecmp(name, once[i]) != 0)
            continue;
        look->twice = look->twice || (look->seen >> i & 1);
        look->seen |= 1u << i;
    }
    return MHD_YES;
}

/* A name or an address and a port, RFC 3986, 3.2.2; no user, no path, no list. */
static bool host_valid(const char *host)
{
    return !host || host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-._~%!$&'()*+,;=:[]")] == '\0';
}

const char *guard_path(struct MHD_Connection *c, const char *target)
{
    size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                    : strncasecmp(target, "https://", 8) == 0 ? 8
                                                              : 0;
    if (scheme == 0)
        return target;
    const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host");
    const char *authority = target + scheme;
    size_t n = strcspn(authority, "/");
    if (!host || strlen(host) != n || strncasecmp(host, authority, n) != 0)
        return NULL;
    return authority[n] ? authority + n : "/";
}

static bool digits(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n < 19 && text[n] == '\0';
}

unsigned guard_request(struct MHD_Connection *c, uint64_t body_max, const char **why)
{
    struct look look = {0};
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, look_at, &look);
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    *why = NULL;
    if (look.malformed)
        *why = "a header's name or value is malformed";
    else if (look.twice)
        *why = "a header is there twice that may be there once";
    else if (length && !digits(length))
        *why = "Content-Length is not a number";
    else if (!host_valid(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host")))
        *why = "Host must be a name or an address, and a port";
    if (*why)
        return 400;
    if (MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding")) {
        *why = "a body needs a Content-Length; Transfer-Encoding is not taken";
        return 411;
    }
    if (length && strtoull(length, NULL, 10) > body_max) {
        *why = "the body is larger than session/body_bytes allows";
        return 413;
    }
    const char *coding = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Encoding");
    if (coding && strcasecmp(coding, "identity") != 0) {
        *why = "a body is taken as it is; no Content-Encoding";
        return 415;
    }
    return 0;
}

bool header_lists(const char *value, const char *token)
{
    size_t n = strlen(token);
    while (value && *value) {
        value += strspn(value, " \t,");
        size_t here = strcspn(value, ",");
        size_t end = here;
        while (end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\t'))
            end--;
        if (end == n && strncasecmp(value, token, n) == 0)
            return true;
        value += here;
    }
    return false;
}

/* 16 bytes in base64: 22 letters and two pads. */
static bool key_valid(const char *key)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strlen(key) == 24 && strspn(key, letters) == 22 && strcmp(key + 22, "==") == 0;
}

unsigned guard_handshake(struct MHD_Connection *c, const char **key, const char **why)
{
    const char *upgrade = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Upgrade");
    const char *connection = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Connection");
    const char *version = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-WebSocket-Version");
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    *key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-WebSocket-Key");
    *why = NULL;
    if (!header_lists(upgrade, "websocket"))
        *why = "Upgrade must be websocket";
    else if (!header_lists(connection, "Upgrade"))
        *why = "Connection must list Upgrade";
    else if (!*key || !key_valid(*key))
        *why = "Sec-WebSocket-Key must be 16 bytes in base64";
    else if (length && strcmp(length, "0") != 0)
        *why = "a handshake has no body";
    if (*why)
        return 400;
    if (!version || strcmp(version, "13") != 0) {
        *why = "Sec-WebSocket-Version must be 13";
        return 426;
    }
    return 0;
}

enum { NO_NAME = 0x01 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t guard_unescape(char *text)
{
    char *to = text;
    for (const char *p = text; *p;) {
        int high = *p == '%' ? hex(p[1]) : -1;
        int low = high >= 0 ? hex(p[2]) : -1;
        int c = low >= 0 ? high * 16 + low : 0;
        if (*p != '%')
            *to++ = *p;
        else
            *to++ = (char)(c > 0 ? c : NO_NAME);
        p += low >= 0 ? 3 : 1;
    }
    *to = '\0';
    return (size_t)(to - text);
}
