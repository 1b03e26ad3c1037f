/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/token.h"

#include "cli/commands.h"
#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "proto/topic.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { TTL_S = 86400, TTL_MAX_S = 10 * 366 * 86400 };

/* So that it can be revoked. */
static void name_it(struct token *t)
{
    uint8_t random[15];
    struct buf out = {.p = t->jti, .cap = JTI_MAX, .max = JTI_MAX};
    secret_random(random, sizeof random);
    base64url_write(&out, (struct bytes){(char *)random, sizeof random});
    ENSURE(!out.overflowed);
}

int token_command(const struct args *a)
{
    const char *user = args_get(a, "--user"), *topics = args_get(a, "--topics");
    bool service = args_get(a, "--service") != NULL;
    struct token t = {.role = service ? ROLE_service : ROLE_user};
    t.iat_s = clock_wall_ms() / 1000;
    name_it(&t);
    t.exp_s = t.iat_s + args_number(a, "--ttl", 1, TTL_MAX_S, TTL_S);
    if (service == (user != NULL))
        refuse("belfry token: either --user ID or --service is needed");
    if (user && !user_valid(bytes_of(user)))
        refuse("belfry token: --user: 1 to %d bytes of UTF-8 without spaces, control characters "
               "and , : \" \\",
               USER_MAX);
    if (user)
        snprintf(t.sub, sizeof t.sub, "%s", user);
    if (topics && strlen(topics) >= sizeof t.topics)
        refuse("belfry token: --topics: at most %zu bytes", sizeof t.topics - 1);
    if (topics)
        snprintf(t.topics, sizeof t.topics, "%s", topics);

    struct settings s = args_settings(a);
    if (t.exp_s - t.iat_s > s.lifetime_days * 86400)
        refuse("belfry token: --ttl: auth/lifetime_days allows %llu seconds",
               (unsigned long long)s.lifetime_days * 86400);
    struct paths paths = paths_of(&s);
    char key[SECRET_TEXT];
    /* Not made here: a token signed with the key of a mistyped folder opens nothing. */
    if (access(paths.token_key, F_OK) != 0)
        refuse("belfry token: %s: %s; is --data right? `belfry serve` makes it", paths.token_key,
               strerror(errno));
    if (!secret_load(paths.token_key, key))
        refuse("belfry token: %s: %s", paths.token_key, strerror(errno));
    struct buf out;
    buf_init(&out, TOKEN_MAX);
    struct token_rules rules = token_rules_of(&s);
    token_write(&out, bytes_of(key), &t, &rules);
    buf_byte(&out, '\n');
    fwrite(out.p, 1, out.n, stdout);
    buf_fini(&out);
    return 0;
}
