/* SPDX-License-Identifier: Apache-2.0 */
/* belfry revoke -- one POST /api/tokens/revoke, as any back end does it. */
#include "cli/commands.h"
#include "cli/http.h"
#include "lib/json.h"
#include "lib/loop.h"

#include <stdio.h>

static void member(struct buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    if (!utf8_valid(bytes_of(text)))
        refuse("belfry revoke: %s is not UTF-8", name);
    buf_format(out, "%s\"%s\":", out->n > 1 ? "," : "", name);
    json_write_string(out, bytes_of(text));
}

int revoke_command(const struct args *a)
{
    struct buf body, answer;
    if (!args_get(a, "--user") && !args_get(a, "--token") && !args_get(a, "--jti"))
        refuse("belfry revoke: one of --user, --token and --jti is needed");
    buf_init(&body, HTTP_BODY_MAX);
    buf_init(&answer, HTTP_BODY_MAX);
    buf_byte(&body, '{');
    member(&body, "user", args_get(a, "--user"));
    member(&body, "before", args_get(a, "--before"));
    member(&body, "token", args_get(a, "--token"));
    member(&body, "jti", args_get(a, "--jti"));
    member(&body, "expires_at", args_get(a, "--expires-at"));
    buf_byte(&body, '}');
    if (body.overflowed)
        refuse("belfry revoke: more than %d bytes", HTTP_BODY_MAX);
    int code = http_ask(a, "POST", "/api/tokens/revoke", "application/json", buf_all(&body),
                        &answer);
    if (code == 0)
        printf("%.*s\n", (int)answer.n, answer.p);
    buf_fini(&body);
    buf_fini(&answer);
    return code;
}
