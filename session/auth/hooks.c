/* SPDX-License-Identifier: Apache-2.0 */
#include "session/auth/hooks.h"

#include "lib/json.h"
#include "session/socket/addresses.h"
#include "session/limits.h"

#include <stdio.h>

enum { GRACE_MS = 250 }; /* the process `hook` says first that the time is over */

_Static_assert(CLAIM_MAX == TOKEN_TOPICS - 1, "a claim of a token");

void hooks_open(struct session *s, void *zmq, const struct paths *paths)
{
    const struct settings *set = s->settings;
    if (set->hook_connect[0] || set->hook_join[0])
        s->hook = asks_new(zmq, paths->hook, &s->counts[COUNT_hook_asks].value,
                           &s->counts[COUNT_asks_failed].value);
}

/* Patterns with commas between, as a list. */
static void write_list(struct buf *out, struct bytes list)
{
    buf_byte(out, '[');
    for (const char *p = list.p, *end = list.p + list.n; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t n = (size_t)((comma ? comma : end) - p);
        if (p > list.p)
            buf_byte(out, ',');
        json_write_string(out, (struct bytes){p, n});
        p += n + 1;
    }
    buf_byte(out, ']');
}

static void write_claims(struct buf *out, const struct hook_subject *who)
{
    if (who->claims.n > 0) {
        buf_bytes(out, who->claims);
        return;
    }
    buf_text(out, "{\"topics\":");
    write_list(out, who->topics);
    buf_text(out, ",\"publish\":");
    write_list(out, who->publish);
    buf_byte(out, '}');
}

void hook_begin(struct buf *out, enum hook_kind kind, const struct hook_subject *who)
{
    buf_format(out, "{\"hook\":\"%s\",\"user\":", kind == HOOK_connect ? "connect" : "join");
    if (who->user.n > 0)
        json_write_string(out, who->user);
    else
        buf_text(out, "null");
    buf_text(out, ",\"claims\":");
    if (who->user.n > 0)
        write_claims(out, who);
    else
        buf_text(out, "null");
    buf_text(out, ",\"address\":\"");
    ip_write(out, who->ip);
    buf_byte(out, '"');
}

void hook_end(struct buf *out, struct bytes params)
{
    buf_text(out, ",\"params\":");
    buf_bytes(out, params);
    buf_byte(out, '}');
}

uint64_t hook_ask(struct session *s, enum hook_kind kind, struct bytes question,
                  struct ask_waiter w)
{
    struct msg m = {.id = MSG_hook, .hook = {.kind = kind, .question = question}};
    return ask(s->hook, &m, s->now_ms, s->settings->hook_ms + GRACE_MS, true, w);
}

void hook_take(const struct session *s, struct token *t, const struct msg_hooked *said)
{
    uint64_t now_s = s->wall_ms / 1000;
    if (said->user.n > 0) {
        memcpy(t->sub, said->user.p, said->user.n);
        t->sub[said->user.n] = '\0';
    }
    if (said->claims) {
        snprintf(t->topics, sizeof t->topics, "%.*s", (int)said->topics.n, said->topics.p);
        snprintf(t->publish, sizeof t->publish, "%.*s", (int)said->publish.n, said->publish.p);
    }
    if (t->iat_s == 0)
        t->iat_s = now_s; /* for whoever shuts all of the user's out */
    if (said->lifetime_s > 0 && now_s + said->lifetime_s < t->exp_s)
        t->exp_s = now_s + said->lifetime_s;
}

/* The limits that stopped a question: the process `hook` says which, or does not answer itself. */
static void silent(struct session *s, enum err e, struct bytes *why)
{
    if (e == ERR_FULL)
        count_one(s, COUNT_refused_hook_queue);
    else if (e == ERR_LATER || e == ERR_UNKNOWN)
        count_one(s, COUNT_refused_hook_time);
    if (why->n == 0)
        *why = bytes_of(limit_rows[LIMIT_hook_time].text);
}

enum hook_word hook_said(struct session *s, const struct msg *answer, enum err e, struct bytes *why)
{
    bool heard = e == ERR_OK && answer && answer->id == MSG_hooked;
    *why = answer && answer->id == MSG_hooked ? answer->hooked.reason : (struct bytes){0};
    if (heard && answer->hooked.allowed)
        return HOOK_yes;
    if (!heard)
        silent(s, answer && answer->id == MSG_hooked ? (enum err)answer->hooked.status : e, why);
    count_one(s, heard ? COUNT_hook_denied : COUNT_hook_failed);
    if (why->n == 0)
        *why = BYTES("unauthorized");
    return heard ? HOOK_no : HOOK_silent;
}
