/* SPDX-License-Identifier: Apache-2.0 */
/* belfry notify -- one POST /api/notifications, as any back end does it. */
#include "cli/commands.h"
#include "cli/http.h"
#include "lib/json.h"
#include "lib/loop.h"

#include <stdio.h>

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
    member(out, ",\"deliver_at\":", args_get(a, "--at"));
    if (expires_s)
        buf_format(out, ",\"expires_in\":%llu", (unsigned long long)expires_s);
    buf_text(out, "}");
    if (out->overflowed)
        refuse("belfry notify: more than %d bytes", HTTP_BODY_MAX);
}

int notify_command(const struct args *a)
{
    struct buf body, answer;
    buf_init(&body, HTTP_BODY_MAX);
    buf_init(&answer, HTTP_BODY_MAX);
    request_write(&body, a);
    int code = http_ask(a, "POST", "/api/notifications", "application/json", buf_all(&body),
                        &answer);
    if (code == 0)
        printf("%.*s\n", (int)answer.n, answer.p);
    buf_fini(&body);
    buf_fini(&answer);
    return code;
}
