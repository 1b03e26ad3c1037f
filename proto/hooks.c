/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/hooks.h"

#include <strings.h>

static bool begins(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

/* The host of http://HOST[:PORT]/... is loopback's. Nothing may stand between: no user, no escape. */
static bool loopback(const char *url)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = url + strlen("http://");
    size_t n = strcspn(host, "/?#"), port = strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.");
    if (*host == '[')
        port = strcspn(host, "]") + 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (port == strlen(names[i]) && strncmp(host, names[i], port) == 0)
            return port == n ||
                   (host[port] == ':' && strspn(host + port + 1, "0123456789") == n - port - 1);
    return false;
}

/* What libcurl is given: printable, without a user's name, which a log would show. */
static bool plain(const char *url)
{
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '@')
            return false;
    return true;
}

static bool url_valid(const char *url)
{
    const char *host = begins(url, "https://") ? url + 8 : begins(url, "http://") ? url + 7 : "/";
    return *host && !strchr("/?#", *host) && plain(url);
}

bool jwks_by_url(const struct settings *s)
{
    return begins(s->jwks, "https://") || begins(s->jwks, "http://");
}

bool hooks_wanted(const struct settings *s)
{
    return s->hook_connect[0] || s->hook_join[0] || jwks_by_url(s);
}

const char *hooks_refused(const struct settings *s)
{
    if (s->hook_connect[0] && !url_valid(s->hook_connect))
        return "hook/connect: must be https://HOST/... or http://HOST/..., without a user's name";
    if (s->hook_join[0] && !url_valid(s->hook_join))
        return "hook/join: must be https://HOST/... or http://HOST/..., without a user's name";
    if (jwks_by_url(s) && !url_valid(s->jwks))
        return "auth/jwks: must be a file or https://HOST/..., without a user's name";
    if (begins(s->jwks, "http://") && !loopback(s->jwks))
        return "auth/jwks: http:// is taken from this machine only (http://127.0.0.1/...): whoever "
               "can change the keys on their way can sign tokens";
    for (uint64_t i = 0; i < s->classes_n; i++)
        if (s->classes[i].join == ACCESS_hook && !s->hook_join[0])
            return "topic: join = \"hook\" needs hook/join, the URL that is asked";
    return NULL;
}
