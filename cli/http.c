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

/* The HTTP status, or 0 with `why`. */
static long perform(const char *method, const char *url, const char *key, const char *type,
                    struct bytes body, struct buf *answer, char why[CURL_ERROR_SIZE])
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    ENSURE(curl != NULL);
    char bearer[SECRET_TEXT + 8];
    snprintf(bearer, sizeof bearer, "Bearer %s", key);
    struct curl_slist *headers = header(NULL, "Authorization", bearer);
    if (type) {
        headers = header(headers, "Content-Type", type);
        headers = header(headers, "Expect", ""); /* no waiting for a 100 */
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.n);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* a topic may be ".." */
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");   /* it is our own server */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    long status = 0;
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return status;
}

/* What application/problem+json says, in a line; else the answer as it is. */
static void problem_say(const char *command, long status, struct bytes answer)
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
    struct settings s = args_settings(a);
    char key[SECRET_TEXT], address[ADDRESS_SIZE], url[URL_MAX], why[CURL_ERROR_SIZE] = "";
    key_load(a, &s, key);
    address_of(&s, address);
    if (snprintf(url, sizeof url, "%s%s", address, path) >= (int)sizeof url)
        refuse("belfry %s: the name is too long", a->command->name);
    buf_reset(answer);
    long status = perform(method, url, key, type, body, answer, why);
    if (status == 0) {
        fprintf(stderr, "belfry %s: %s: %s\n", a->command->name, url, why);
        return EXIT_not_running;
    }
    if (status >= 300) {
        problem_say(a->command->name, status, buf_all(answer));
        return EXIT_no;
    }
    return 0;
}
