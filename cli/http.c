/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/http.h"

#include "cli/commands.h"
#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/secret.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, ANSWER_MS = 15000, URL_MAX = 4096 };

void http_encode(struct buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isalnum(c) || strchr("-._~", c))
            buf_byte(out, c);
        else
            buf_format(out, "%%%02X", c);
    }
}

static size_t take(char *p, size_t size, size_t n, void *out)
{
    buf_add(out, p, size * n);
    return size * n;
}

static struct curl_slist *header(struct curl_slist *list, const char *name, const char *value)
{
    char line[256];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    ENSURE(n > 0 && (size_t)n < sizeof line);
    list = curl_slist_append(list, line);
    ENSURE(list != NULL);
    return list;
}

static void key_load(const struct args *a, const struct settings *s, char key[SECRET_TEXT])
{
    struct paths paths = paths_of(s);
    if (access(paths.api_key, F_OK) != 0)
        refuse("belfry %s: %s: %s; is --data right? `belfry serve` makes it", a->command->name,
               paths.api_key, strerror(errno));
    if (!secret_load(paths.api_key, key))
        refuse("belfry %s: %s: %s", a->command->name, paths.api_key, strerror(errno));
}

struct http_client {
    CURL *curl;
    char key[SECRET_TEXT], address[ADDRESS_SIZE], url[URL_MAX], why[CURL_ERROR_SIZE];
};

struct http_client *http_open(const struct args *a)
{
    struct settings s = args_settings(a);
    struct http_client *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    key_load(a, &s, c->key);
    address_of(&s, c->address);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c->curl = curl_easy_init();
    ENSURE(c->curl != NULL);
    curl_easy_setopt(c->curl, CURLOPT_PATH_AS_IS, 1L); /* a topic may be ".." */
    curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");   /* it is our own server */
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->why);
    return c;
}

void http_close(struct http_client **slot)
{
    curl_easy_cleanup((*slot)->curl);
    curl_global_cleanup();
    free(*slot);
    *slot = NULL;
}

const char *http_why(const struct http_client *c)
{
    return c->why;
}

long http_send(struct http_client *c, const char *method, const char *path, const char *type,
               struct bytes body, struct buf *answer)
{
    char bearer[SECRET_TEXT + 8];
    long status = 0;
    snprintf(bearer, sizeof bearer, "Bearer %s", c->key);
    struct curl_slist *headers = header(NULL, "Authorization", bearer);
    if (type) {
        headers = header(headers, "Content-Type", type);
        headers = header(headers, "Expect", ""); /* no waiting for a 100 */
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)body.n);
        curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.p);
    }
    if (snprintf(c->url, sizeof c->url, "%s%s", c->address, path) >= (int)sizeof c->url)
        refuse("belfry: the name is too long");
    buf_reset(answer);
    curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c->curl, CURLOPT_URL, c->url);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, answer);
    if (curl_easy_perform(c->curl) == CURLE_OK)
        curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return status;
}

/* What application/problem+json says, in a line; else the answer as it is. */
void http_say(const char *command, long status, struct bytes answer)
{
    char room[4096];
    struct arena scratch = {.p = room, .cap = sizeof room};
    struct bytes key, value, title = {0}, detail = {0}, field = {0};
    struct json in = json_over(answer);
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        struct bytes *slot = json_key_is(key, "title")    ? &title
                             : json_key_is(key, "detail") ? &detail
                             : json_key_is(key, "field")  ? &field
                                                          : NULL;
        if (slot && !json_string(value, &scratch, slot))
            *slot = value;
    }
    if (!json_end(&in))
        detail = answer;
    fprintf(stderr, "belfry %s: %ld %.*s%s%.*s%s%.*s\n", command, status, (int)title.n, title.p,
            field.n ? ": " : "", (int)field.n, field.p, detail.n ? ": " : "", (int)detail.n,
            detail.p);
}

int http_ask(const struct args *a, const char *method, const char *path, const char *type,
             struct bytes body, struct buf *answer)
{
    struct http_client *c = http_open(a);
    long status = http_send(c, method, path, type, body, answer);
    if (status == 0)
        fprintf(stderr, "belfry %s: %s: %s\n", a->command->name, c->url, c->why);
    else if (status >= 300)
        http_say(a->command->name, status, buf_all(answer));
    http_close(&c);
    return status == 0 ? EXIT_not_running : status >= 300 ? EXIT_no : 0;
}
