/* SPDX-License-Identifier: Apache-2.0 */
/* belfry notify -- one POST /api/notifications, as any back end does it. */
#include "cli/commands.h"
#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/secret.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 20, CONNECT_MS = 5000, ANSWER_MS = 15000 };
enum { EXPIRES_MAX_S = 10 * 366 * 86400 };

static void member(struct buf *out, const char *key_and_colon, const char *text)
{
    if (!text)
        return;
    if (!utf8_valid(bytes_of(text)))
        refuse("belfry notify: %.*s is not UTF-8", (int)strlen(key_and_colon) - 1, key_and_colon);
    buf_text(out, key_and_colon);
    json_write_string(out, bytes_of(text));
}

static void request_write(struct buf *out, const struct args *a)
{
    const char *data = args_get(a, "--data");
    uint64_t expires_s = args_number(a, "--expires-in", 1, EXPIRES_MAX_S, 0);
    if (data && !json_valid(bytes_of(data)))
        refuse("belfry notify: --data is not JSON");
    member(out, "{\"to\":", a->words[0]);
    member(out, ",\"title\":", a->words[1]);
    member(out, ",\"type\":", args_get(a, "--type"));
    member(out, ",\"body\":", args_get(a, "--body"));
    if (data)
        buf_format(out, ",\"data\":%s", data);
    if (expires_s)
        buf_format(out, ",\"expires_in\":%llu", (unsigned long long)expires_s);
    buf_text(out, "}");
    if (out->overflowed)
        refuse("belfry notify: more than %d bytes", ANSWER_MAX);
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

/* The HTTP status, or 0 with `why`. */
static long post(const char *url, const char *key, struct bytes body, struct buf *answer,
                 char why[CURL_ERROR_SIZE])
{
    CURL *curl = curl_easy_init();
    ENSURE(curl != NULL);
    char bearer[SECRET_TEXT + 8];
    snprintf(bearer, sizeof bearer, "Bearer %s", key);
    struct curl_slist *headers = header(NULL, "Authorization", bearer);
    headers = header(headers, "Content-Type", "application/json");
    headers = header(headers, "Expect", ""); /* no waiting for a 100 */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* it is our own server */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.n);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    long status = 0;
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

/* What application/problem+json says, in a line; else the answer as it is. */
static void problem_say(long status, struct bytes answer)
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
    fprintf(stderr, "belfry notify: %ld %.*s%s%.*s%s%.*s\n", status, (int)title.n, title.p,
            field.n ? ": " : "", (int)field.n, field.p, detail.n ? ": " : "", (int)detail.n,
            detail.p);
}

int notify_command(const struct args *a)
{
    struct settings s = args_settings(a);
    struct paths paths = paths_of(&s);
    char key[SECRET_TEXT], address[ADDRESS_SIZE], url[ADDRESS_SIZE + 32];
    if (access(paths.api_key, F_OK) != 0)
        refuse("belfry notify: %s: %s; is --data right? `belfry serve` makes it", paths.api_key,
               strerror(errno));
    if (!secret_load(paths.api_key, key))
        refuse("belfry notify: %s: %s", paths.api_key, strerror(errno));
    address_of(&s, address);
    snprintf(url, sizeof url, "%s/api/notifications", address);

    struct buf body, answer;
    buf_init(&body, ANSWER_MAX);
    buf_init(&answer, ANSWER_MAX);
    request_write(&body, a);
    char why[CURL_ERROR_SIZE] = "";
    curl_global_init(CURL_GLOBAL_DEFAULT);
    long status = post(url, key, buf_all(&body), &answer, why);
    curl_global_cleanup();
    int code = EXIT_no;
    if (status == 0) {
        fprintf(stderr, "belfry notify: %s: %s\n", url, why);
        code = EXIT_not_running;
    } else if (status >= 300) {
        problem_say(status, buf_all(&answer));
    } else {
        printf("%.*s\n", (int)answer.n, answer.p);
        code = 0;
    }
    buf_fini(&body);
    buf_fini(&answer);
    return code;
}
