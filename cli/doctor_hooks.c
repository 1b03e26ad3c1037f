/* SPDX-License-Identifier: Apache-2.0 */
/* The application that is asked, and the keys that tokens are signed with. The application is connected to and not
 * asked: a question of ours would be one too many for it. Keys are fetched as the process `hook` does. */
#include "cli/doctor.h"

#include "lib/counters.h"
#include "lib/ensure.h"
#include "proto/hooks.h"
#include "proto/keyset.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

enum { FETCH_MS = 10000, SCRATCH = 1 << 20 };

/* A request, as far as it came. */
struct probe {
    CURL *curl;
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    struct buf body;
};

static size_t take(char *p, size_t size, size_t n, void *out)
{
    struct buf *body = out;
    buf_add(body, p, size * n);
    return body->overflowed ? 0 : size * n;
}

static void probe_begin(struct probe *b, const struct settings *s, const char *url, uint64_t ms)
{
    memset(b, 0, sizeof *b);
    buf_init(&b->body, JWKS_MAX);
    b->curl = curl_easy_init();
    ENSURE(b->curl != NULL);
    curl_easy_setopt(b->curl, CURLOPT_URL, url);
    curl_easy_setopt(b->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(b->curl, CURLOPT_PROXY, ""); /* as hook/client.c */
    curl_easy_setopt(b->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(b->curl, CURLOPT_TIMEOUT_MS, (long)ms);
    curl_easy_setopt(b->curl, CURLOPT_ERRORBUFFER, b->error);
    curl_easy_setopt(b->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(b->curl, CURLOPT_WRITEDATA, &b->body);
    if (s->hook_ca[0])
        curl_easy_setopt(b->curl, CURLOPT_CAINFO, s->hook_ca);
}

static const char *probe_why(const struct probe *b)
{
    return b->body.overflowed ? "it is too large"
           : b->error[0]      ? b->error
                              : curl_easy_strerror(b->code);
}

static void probe_end(struct probe *b)
{
    curl_easy_cleanup(b->curl);
    buf_fini(&b->body);
}

/* ---- hooks ---- */

static bool loopback(const char *url)
{
    const char *host = url + strlen("http://");
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

static void one_hook(struct patient *p, const char *name, const char *url)
{
    const struct settings *s = &p->settings;
    struct probe b;
    curl_off_t us = 0;
    if (!url[0])
        return;
    if (strncasecmp(url, "http://", 7) == 0 && !loopback(url))
        told(p, FOUND_warn, "hooks",
             "%s goes without TLS: whoever is on the way may say who gets in; https://", name);
    probe_begin(&b, s, url, s->hook_ms);
    curl_easy_setopt(b.curl, CURLOPT_CONNECT_ONLY, 1L);
    b.code = curl_easy_perform(b.curl);
    curl_easy_getinfo(b.curl,
                      strncasecmp(url, "https", 5) == 0 ? CURLINFO_APPCONNECT_TIME_T
                                                        : CURLINFO_CONNECT_TIME_T,
                      &us);
    if (b.code != CURLE_OK)
        told(p, FOUND_bad, "hooks", "%s: %s: %s; nobody gets in by it", name, url, probe_why(&b));
    else if ((uint64_t)us > s->hook_ms * 1000 / 2)
        told(p, FOUND_warn, "hooks",
             "%s: %s: %lld ms until it is connected, and hook/timeout_ms is %llu", name, url,
             (long long)us / 1000, (unsigned long long)s->hook_ms);
    else
        told(p, FOUND_ok, "hooks", "%s: %s: connected, within %lld ms of %llu", name, url,
             (long long)us / 1000 + 1, (unsigned long long)s->hook_ms);
    probe_end(&b);
}

/* ---- keys ---- */

static void judge(struct patient *p, const char *where, struct bytes text)
{
    struct arena scratch;
    struct keyset *k = keyset_new(BYTES("of no use, but a key set has one"));
    arena_init(&scratch, SCRATCH);
    const char *why = keyset_load(k, text, &scratch);
    unsigned keys = keyset_count(k) - 1;
    if (why)
        told(p, FOUND_bad, "jwks", "%s: %s", where, why);
    else
        told(p, FOUND_ok, "jwks", "%s has %u key%s", where, keys, keys == 1 ? "" : "s");
    keyset_free(&k);
    arena_fini(&scratch);
}

static void keys_by_url(struct patient *p)
{
    struct probe b;
    long status = 0;
    probe_begin(&b, &p->settings, p->settings.jwks, FETCH_MS);
    b.code = curl_easy_perform(b.curl);
    curl_easy_getinfo(b.curl, CURLINFO_RESPONSE_CODE, &status);
    if (b.code != CURLE_OK)
        told(p, FOUND_bad, "jwks", "%s: %s", p->settings.jwks, probe_why(&b));
    else if (status != 200)
        told(p, FOUND_bad, "jwks", "%s: answered with %ld", p->settings.jwks, status);
    else
        judge(p, p->settings.jwks, buf_all(&b.body));
    probe_end(&b);
}

static void keys_in_file(struct patient *p)
{
    static char text[JWKS_MAX + 1];
    int fd = open(p->settings.jwks, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0)
        told(p, FOUND_bad, "jwks", "%s: %s", p->settings.jwks, strerror(errno));
    else if (n > JWKS_MAX)
        told(p, FOUND_bad, "jwks", "%s: it is too large", p->settings.jwks);
    else
        judge(p, p->settings.jwks, (struct bytes){text, (size_t)n});
    if (fd >= 0)
        close(fd);
}

/* What the process that fetches them has found, where it runs. */
static void failing(struct patient *p)
{
    char file[PATH_SIZE];
    struct counters c;
    path_counters(&p->settings, "hook", file);
    if (!counters_read(&c, file))
        return;
    for (uint64_t i = 0; process_alive(c.head->pid) && i < c.head->count; i++)
        if (c.rows[i].value > 0 && strcmp(c.rows[i].name, "jwks_failing") == 0)
            told(p, FOUND_bad, "jwks",
                 "the last fetch failed, and the keys from before hold: `grep hook.jwks` in the "
                 "log");
    counters_close(&c);
}

void doctor_hooks(struct patient *p)
{
    const struct settings *s = &p->settings;
    const char *why = hooks_refused(s);
    if (why) {
        told(p, FOUND_bad, "hooks", "%s", why);
        return;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    one_hook(p, "hook/connect", s->hook_connect);
    one_hook(p, "hook/join", s->hook_join);
    if (jwks_by_url(s))
        keys_by_url(p);
    else if (s->jwks[0])
        keys_in_file(p);
    if (jwks_by_url(s))
        failing(p);
    curl_global_cleanup();
}
