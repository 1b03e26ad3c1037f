/* SPDX-License-Identifier: Apache-2.0 */
/* wants.c -- what back ends and pages want: they create and publish, change and take back, mark, mute, revoke,
 * erase and look. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "tests/sim/producers.h"

#include <stdio.h>

static void write_time(struct buf *out, const char *name, uint64_t ms)
{
    if (ms == 0)
        return;
    buf_format(out, ",\"%s\":\"", name);
    clock_write(out, ms);
    buf_byte(out, '"');
}

static void write_key(struct buf *out, const char *name, char letter, unsigned n)
{
    if (n > 0)
        buf_format(out, ",\"%s\":\"%c%u\"", name, letter, n);
}

static void write_to(struct buf *out, const struct op *op)
{
    if (op->kind == OP_broadcast && op->channel == CHANNELS)
        buf_text(out, "{\"all\":true}");
    else if (op->kind == OP_broadcast)
        buf_format(out, "{\"topic\":\"%s\"}", model_name(USERS + op->channel));
    else
        buf_byte(out, '[');
    for (unsigned u = 0, n = 0; u < USERS; u++)
        if (op->users & 1u << u)
            buf_format(out, "%s\"%s\"", n++ ? "," : "", users[u]);
    if (op->kind == OP_create)
        buf_byte(out, ']');
}

/* A notification for some, for all, or for a channel; perhaps for later; perhaps with an end. */
static void create(uint64_t a, uint64_t b, uint64_t c, enum op_kind kind, bool later)
{
    static const char *const types[] = {"activity", "activity", "alert", "system"};
    unsigned type = b % 4, set = 1u + (unsigned)(a % ((1u << USERS) - 1));
    if (a / 8 % 3 > 0)
        set = 1u << a % USERS; /* mostly for one */
    uint64_t deliver_ms = later ? wall_ms() + 100 + b / 36 % 6000 : 0;
    uint64_t from_ms = later ? deliver_ms : wall_ms();
    uint64_t ends_ms = b / 4 % 3 ? 0 : from_ms + 200 + b / 12 % 8000;
    struct job *j = job(JOB_create, "POST");
    struct op op = {.kind = kind,
                    .users = kind == OP_create ? set : 0,
                    .channel = a % (CHANNELS + 2) < CHANNELS ? a % (CHANNELS + 2) : CHANNELS,
                    .collapse = kind == OP_create && c % 3 == 0 ? (unsigned)(c / 3 % COLLAPSES) : 0,
                    .dedupe = kind == OP_create && c % 8 == 1 ? (unsigned)(c / 8 % DEDUPES) : 0,
                    .category = (unsigned)(c / 64 % CATEGORIES),
                    .counted = type != 3,
                    .expires_ms = ends_ms,
                    .deliver_ms = deliver_ms};
    j->op = model_op(op);
    snprintf(j->path, sizeof j->path, "/api/notifications");
    if (a / 64 % 3)
        snprintf(j->key, sizeof j->key, "key-%llu", (unsigned long long)j->op);
    struct buf out = {.p = j->body, .cap = sizeof j->body - 1, .max = sizeof j->body - 1};
    buf_text(&out, "{\"to\":");
    write_to(&out, &op);
    buf_format(&out, ",\"type\":\"%s\",\"title\":\"n%llu\"", types[type],
               (unsigned long long)j->op);
    write_time(&out, "deliver_at", deliver_ms);
    write_time(&out, "expires_at", ends_ms);
    write_key(&out, "collapse_key", 'k', op.collapse);
    write_key(&out, "dedupe_key", 'd', op.dedupe);
    write_key(&out, "category", 'c', op.category);
    buf_text(&out, "}");
    tell("back end", "%s n%llu %s: %s", kind == OP_create ? "creates" : "broadcasts",
         (unsigned long long)j->op, j->key[0] ? "with a key" : "without a key", j->body);
    ask_for(j);
}

static void patch(uint64_t a, uint64_t b, uint64_t c)
{
    char id[32];
    unsigned user = (unsigned)(a % USERS);
    uint64_t birth = model_some_item(user, b, id);
    if (!birth)
        return;
    struct job *j = job(JOB_patch, "PATCH");
    struct buf out = {.p = j->body, .cap = sizeof j->body - 1, .max = sizeof j->body - 1};
    uint64_t ends_ms = c / 4 % 3 ? 0 : wall_ms() + 200 + c / 12 % 3000;
    j->op = model_op(
        (struct op){.kind = OP_update, .user = user, .birth = birth, .expires_ms = ends_ms});
    snprintf(j->path, sizeof j->path, "/api/notifications/%s", id);
    if (c % 4)
        snprintf(j->key, sizeof j->key, "key-%llu", (unsigned long long)j->op);
    buf_format(&out, "{\"user\":\"%s\",\"title\":\"n.u%llu\"", users[user],
               (unsigned long long)j->op);
    write_time(&out, "expires_at", ends_ms);
    buf_text(&out, "}");
    tell("back end", "changes %s of %s to u%llu", id, users[user], (unsigned long long)j->op);
    ask_for(j);
}

/* The queue of a page that was offline: each with its op_id, in their order. */
static void batch(const struct step *s)
{
    static const char *const ops[] = {"mark_read", "mark_unread", "mark_seen", "archive",
                                      "unarchive", "unsnooze",    "delete"};
    char id[32];
    unsigned user = (unsigned)(s->a % USERS);
    if (!model_some_item(user, s->b, id))
        return;
    struct job *j = job(JOB_batch, "POST");
    struct buf out = {.p = j->body, .cap = sizeof j->body - 1, .max = sizeof j->body - 1};
    snprintf(j->path, sizeof j->path, "/api/notifications/batch");
    buf_format(&out, "{\"user\":\"%s\",\"ops\":[", users[user]);
    for (; j->marks < 1 + s->c % BATCH_MOST; j->marks++) {
        uint64_t op = model_op((struct op){
            .kind = OP_mark, .user = user, .observed = UINT64_MAX, .up_to = UINT64_MAX});
        j->op = j->marks ? j->op : op;
        model_some_item(user, s->b + j->marks, id);
        buf_format(&out, "%s{\"op\":\"%s\",\"ids\":[\"%s\"],\"op_id\":\"m%llu\"}",
                   j->marks ? "," : "", ops[(s->c / 8 + j->marks) % 7], id, (unsigned long long)op);
    }
    buf_text(&out, "]}");
    tell("back end", "sends %s", j->body);
    ask_for(j);
}

/* Each as it was there: read, archived, snoozed, with an end. */
static void write_line(struct buf *out, unsigned user, uint64_t dice)
{
    static const char *const types[] = {"activity", "alert", "system"};
    struct op op = {.kind = OP_import,
                    .user = user,
                    .counted = dice % 3 != 2,
                    .category = (unsigned)(dice / 3 % CATEGORIES),
                    .read = dice / 16 % 2,
                    .seen = dice / 32 % 2,
                    .archived = dice / 64 % 6 == 0,
                    .loud = dice / 64 % 4 != 0,
                    .expires_ms = dice / 512 % 4 ? 0 : wall_ms() + dice / 2048 % 6000};
    if (!op.archived && dice / 64 % 6 == 1)
        op.until_ms = wall_ms() + dice / 512 % 3000;
    uint64_t number = model_op(op);
    buf_format(out,
               "{\"user\":\"%s\",\"id\":\"row-%llu\",\"title\":\"i%llu\",\"type\":\"%s\","
               "\"seen\":%s,\"archived\":%s,\"quiet\":%s",
               users[user], (unsigned long long)number, (unsigned long long)number, types[dice % 3],
               op.seen ? "true" : "false", op.archived ? "true" : "false",
               op.loud ? "false" : "true");
    write_key(out, "category", 'c', op.category);
    write_time(out, "read_at", op.read ? wall_ms() - 86400000 : 0);
    write_time(out, "snoozed_until", op.until_ms);
    write_time(out, "expires_at", op.expires_ms);
    buf_text(out, "}\n");
}

/* As `belfry import` sends a file: some lines, until they are answered; and when it was killed, or is run once
 * more, the same lines again. */
static void import(uint64_t a, uint64_t b, uint64_t c)
{
    const struct job *before = c % 3 == 0 ? job_of(JOB_import, c / 3 % 2) : NULL;
    struct job *j = job(JOB_import, "POST");
    struct buf out = {.p = j->body, .cap = sizeof j->body - 1, .max = sizeof j->body - 1};
    snprintf(j->path, sizeof j->path, "/api/import");
    if (before) {
        memcpy(j->body, before->body, sizeof j->body);
        j->op = before->op;
        j->marks = before->marks;
    }
    for (unsigned i = 0; !before && i < 1 + c / 3 % LINES_MOST; i++, j->marks++) {
        j->op = i ? j->op : model_ops();
        write_line(&out, (unsigned)((a >> 2 * i) % USERS), b * 2654435761 >> (i + 8));
    }
    ENSURE(!out.overflowed);
    tell("back end", "imports %u from row-%llu on%s", j->marks, (unsigned long long)j->op,
         before ? ", again" : "");
    ask_for(j);
}

/* Once in a run: an answer that is late could undo what another one has set. */
static void mute(unsigned user, uint64_t how)
{
    enum { NOW_MIN = WALL_START / 60000 % DAY_MIN };
    struct wishes *w = model_wishes(user);
    if (model_mutes(user) != MUTES_nothing)
        return;
    struct job *j = job(JOB_mute, "PUT");
    j->member = user;
    j->op = model_op((struct op){.kind = OP_update, .user = user});
    model_mute(user, MUTES_perhaps);
    w->alerts = how % 2;
    w->from_min = (NOW_MIN + ZONE_MIN + (unsigned)(how / 2 % 4) + DAY_MIN - 2) % DAY_MIN;
    w->to_min = (w->from_min + 1 + (unsigned)(how / 8 % 3)) % DAY_MIN;
    snprintf(j->path, sizeof j->path, "/api/preferences");
    snprintf(j->body, sizeof j->body,
             "{\"user\":\"%s\",\"mute\":{\"types\":[%s],\"categories\":[\"c%d\"],"
             "\"topics\":[\"%s\"]},\"quiet_hours\":{\"from\":\"%02u:%02u\",\"to\":\"%02u:%02u\","
             "\"time_zone\":\"" ZONE "\"}}",
             users[user], w->alerts ? "\"alert\"" : "", MUTED_CATEGORY,
             model_name(USERS + MUTED_CHANNEL), w->from_min / 60, w->from_min % 60, w->to_min / 60,
             w->to_min % 60);
    tell("back end", "has for %s: %s", users[user], j->body);
    ask_for(j);
}

static void revoke(unsigned user)
{
    char before[32];
    struct job *j = job(JOB_revoke, "POST");
    struct buf text = {.p = before, .cap = sizeof before, .max = sizeof before - 1};
    j->member = user;
    j->op = model_revoke(user);
    clock_write(&text, j->op * 1000);
    snprintf(j->path, sizeof j->path, "/api/tokens/revoke");
    snprintf(j->body, sizeof j->body, "{\"user\":\"%s\",\"before\":\"%.*s\"}", users[user],
             (int)text.n, text.p);
    tell("back end", "revokes the tokens of %s: %s", users[user], j->body);
    ask_for(j);
}

static void look_at(unsigned user, bool list)
{
    struct job *j = job(list ? JOB_list : JOB_count, "GET");
    snprintf(j->path, sizeof j->path, "/api/notifications%s", list ? "" : "/count");
    snprintf(j->user, sizeof j->user, "%s", users[user]);
    j->floor = model_floor(user);
    ask_for(j);
}

static void look_back(unsigned channel)
{
    struct job *j = job(JOB_history, "GET");
    snprintf(j->path, sizeof j->path, "/api/topics/%s/history", model_name(USERS + channel));
    j->channel = channel;
    ask_for(j);
}

void producers_look(void)
{
    look_at(ERASED, true);
}

static void take_back(uint64_t a)
{
    const struct job *of = published(a % 4);
    if (!of)
        return;
    struct job *j = job(JOB_take_back, "DELETE");
    j->op = of->op;
    snprintf(j->path, sizeof j->path, "/api/publishes/%s", of->publish);
    tell("back end", "takes n%llu back", (unsigned long long)j->op);
    ask_for(j);
}

/* Title and category always; an end only where it may be: of a broadcast it stays, and one that waits would
 * have to end after its time. */
static void revise(uint64_t a, uint64_t b, uint64_t c)
{
    const struct job *of = published(a % 6);
    if (!of)
        return;
    const struct op *target = model_op_of(of->op);
    bool ends = target->kind == OP_create && target->deliver_ms == 0 && c % 3 == 0;
    struct op op = {.kind = OP_revise,
                    .target = of->op,
                    .category = (unsigned)(c / 64 % CATEGORIES),
                    .expires_ms = ends ? wall_ms() + 200 + c / 12 % 3000 : 0};
    struct job *j = job(JOB_revise, "PATCH");
    struct buf out = {.p = j->body, .cap = sizeof j->body - 1, .max = sizeof j->body - 1};
    j->op = model_op(op);
    snprintf(j->path, sizeof j->path, "/api/publishes/%s", of->publish);
    if (b % 4)
        snprintf(j->key, sizeof j->key, "key-%llu", (unsigned long long)j->op);
    buf_format(&out, "{\"title\":\"n.r%llu\"", (unsigned long long)j->op);
    write_time(&out, "expires_at", op.expires_ms);
    write_key(&out, "category", 'c', op.category);
    buf_text(&out, op.category ? "}" : ",\"category\":null}");
    tell("back end", "changes n%llu to r%llu: %s", (unsigned long long)of->op,
         (unsigned long long)j->op, j->body);
    ask_for(j);
}

static void publish(uint64_t a, uint64_t b)
{
    struct job *j = job(JOB_publish, "POST");
    unsigned channel = a % CHANNELS;
    j->op = model_op(
        (struct op){.kind = OP_publish, .channel = channel, .author = USERS, .counted = true});
    snprintf(j->path, sizeof j->path, "/api/topics/%s/publish", model_name(USERS + channel));
    if (b % 3)
        snprintf(j->key, sizeof j->key, "key-%llu", (unsigned long long)j->op);
    snprintf(j->body, sizeof j->body, "{\"event\":\"message.create\",\"payload\":{\"n\":%llu}}",
             (unsigned long long)j->op);
    tell("back end", "publishes n%llu on %s", (unsigned long long)j->op,
         model_name(USERS + channel));
    ask_for(j);
}

bool producer_step(const struct step *s)
{
    struct job *j;
    switch (s->kind) {
    case STEP_create:
        create(s->a, s->b, s->c, OP_create, false);
        return true;
    case STEP_schedule:
        create(s->a, s->b, s->c / 4, s->c % 4 ? OP_create : OP_broadcast, true);
        return true;
    case STEP_broadcast:
        create(s->a, s->b, s->c, OP_broadcast, false);
        return true;
    case STEP_take_back:
        take_back(s->a);
        return true;
    case STEP_burst:
        for (uint64_t i = 0; i < 3 + s->c % 12; i++)
            create(s->a + i, s->b, s->c / 12 + i, OP_create, false);
        return true;
    case STEP_publish:
        publish(s->a, s->b);
        return true;
    case STEP_count:
        if (s->c % 4 == 0)
            look_back((unsigned)(s->a % CHANNELS));
        else
            look_at((unsigned)(s->a % USERS), s->b % 2);
        return true;
    case STEP_patch:
        patch(s->a, s->b, s->c);
        return true;
    case STEP_revise:
        revise(s->a, s->b, s->c);
        return true;
    case STEP_import:
        import(s->a, s->b, s->c);
        return true;
    case STEP_batch:
        batch(s);
        return true;
    case STEP_mute:
        mute((unsigned)(s->a % USERS), s->b);
        return true;
    case STEP_revoke:
        revoke((unsigned)(s->a % USERS));
        return true;
    case STEP_erase:
        j = job(JOB_erase, "DELETE");
        snprintf(j->path, sizeof j->path, "/api/users/%s", users[ERASED]);
        tell("back end", "erases %s", users[ERASED]);
        ask_for(j);
        return true;
    case STEP_member:
        member(1, 2, s->a % 2, false);
        return true;
    default:
        return false;
    }
}
