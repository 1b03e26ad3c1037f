/* SPDX-License-Identifier: Apache-2.0 */
/* producers.c -- back ends: they create and publish by HTTP. With an idempotency key they ask again
 * until they are told, as docs/api.md says; without one they ask once, and may never know. */
#include "tests/sim/model.h"

#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { JOBS_MAX = 600, PATIENCE_S = 6, AGAIN_LEAST_MS = 50, AGAIN_MOST_MS = 700 };

enum job_kind {
    JOB_create,
    JOB_publish,
    JOB_count,
    JOB_list,
    JOB_patch,
    JOB_revise,
    JOB_batch,
    JOB_member,
    JOB_mute,
    JOB_revoke,
    JOB_erase,
    JOB_take_back
};
enum { BATCH_MOST = 5 };

struct job {
    bool used, under_way, done;
    enum job_kind kind;
    const char *method;
    char path[96], key[32], body[700], user[16];
    char publish[32]; /* its id, when it can be taken back */
    uint64_t op, again_us;
    unsigned marks;           /* JOB_batch: how many, from `op` on */
    unsigned channel, member; /* JOB_member; JOB_mute, JOB_revoke: the user */
    bool add;
    uint64_t floor; /* nothing older may be shown */
};

static struct job jobs[JOBS_MAX];
static unsigned jobs_n;
static uint64_t due_us; /* of the first one that is to be asked again */
static struct dice dice;

static bool repeats(const struct job *j)
{
    return j->key[0] || j->kind >= JOB_batch;
}

static uint64_t first_seq(const struct job *j, struct bytes body)
{
    uint64_t seq = 0;
    struct bytes one;
    if (j->kind == JOB_publish || text_member(body, "notifications").n == 0) {
        text_number(body, "seq", &seq);
    } else {
        struct json in = json_over(text_member(body, "notifications"));
        json_enter(&in, '[');
        if (json_element(&in, &one))
            text_number(one, "seq", &seq);
    }
    return seq;
}

static unsigned user_of(const char *name)
{
    unsigned i = 0;
    while (i < USERS && strcmp(users[i], name) != 0)
        i++;
    return i;
}

/* The results of a batch. False: not all of it was tried. */
static bool batch_sent(const struct job *j, struct bytes body)
{
    struct json in = json_over(text_member(body, "results"));
    struct bytes one;
    uint64_t op = j->op, status;
    bool all = true;
    json_enter(&in, '[');
    for (; json_element(&in, &one); op++) {
        text_number(one, "status", &status);
        all = all && status < 500;
        if (status == 200)
            model_marked(op, one);
    }
    return all && op == j->op + j->marks;
}

/* A count alone, or with the items. */
static void read_sent(const struct job *j, struct bytes body)
{
    struct page page = {.items = text_member(body, "notifications"),
                        .now_ms = text_time(body, "server_time"),
                        .last = bytes_is(text_member(body, "next"), "null")};
    text_number(body, "seq", &page.seq);
    text_number(body, "unread_count", &page.unread);
    if (page.seq != 0 && page.seq < j->floor)
        wrong("erased, yet shown", "%s at seq %llu, erased at %llu", j->user,
              (unsigned long long)page.seq, (unsigned long long)j->floor);
    else if (j->kind == JOB_count)
        model_count("a back end", user_of(j->user), page.seq, page.unread);
    else
        model_page("a back end", user_of(j->user), &page);
}

/* It leaves the process: what it says is true now. */
static void sent(void *about, const struct answer *a)
{
    const struct job *j = about;
    uint64_t seq = 0;
    if ((a->status == 201 || a->status == 202) && j->kind <= JOB_publish) {
        model_ok(j->op, first_seq(j, a->body));
    } else if (a->status == 200 && j->kind == JOB_take_back) {
        model_off(j->op);
    } else if (a->status == 200 && j->kind == JOB_batch) {
        batch_sent(j, a->body);
    } else if (a->status == 200 && j->kind == JOB_patch) {
        text_number(a->body, "seq", &seq);
        model_patched(j->op, seq);
    } else if (a->status == 200 && j->kind == JOB_revise) {
        uint64_t count = 0;
        text_number(a->body, "seq", &seq);
        text_number(a->body, "updated", &count);
        model_revised(j->op, seq, count);
    } else if (a->status == 200 && (j->kind == JOB_count || j->kind == JOB_list)) {
        read_sent(j, a->body);
    }
}

/* What it is changed and taken back by; null when nothing was made of it. */
static void keep_id(struct job *j, struct bytes body)
{
    struct bytes id;
    if (text_string(text_member(body, "publish"), &id) && id.n < sizeof j->publish)
        memcpy(j->publish, id.p, id.n);
}

static void answered(void *about, const struct answer *a)
{
    struct job *j = about;
    j->under_way = false;
    bool definite = (a->status >= 200 && a->status < 300) || a->status == 507 ||
                    (a->status >= 400 && a->status < 500);
    bool ends = j->kind == JOB_create || j->kind == JOB_revise ||
                (j->kind == JOB_patch && !model_lasts(j->op));
    bool over = a->status == 400 && ends && model_op_of(j->op)->expires_ms != 0;
    if (definite && a->status >= 400 && j->kind <= JOB_publish && (over || !repeats(j)))
        model_refused(j->op);
    bool none = a->status == 404 && /* made already, or taken back; gone already */
                (j->kind == JOB_take_back || (j->kind == JOB_patch && !model_lasts(j->op)) ||
                 (j->kind == JOB_revise && !model_there(j->op)));
    if (j->kind == JOB_revise && (over || none))
        model_refused(j->op);
    if (a->status >= 400 && a->status < 500 && !over && !none)
        wrong("refused", "a back end asks %s %s and gets %u: %.*s", j->method, j->path, a->status,
              (int)a->body.n, a->body.p);
    if (a->status != 0 && a->status != 200)
        tell("back end", "%s %s: %u", j->key[0] ? j->key : "without a key", j->path, a->status);
    if ((a->status == 201 || a->status == 202) && j->kind == JOB_create)
        keep_id(j, a->body);
    if (a->status == 507 && repeats(j))
        definite = false; /* it asks until there is room */
    if (a->status == 200 && j->kind == JOB_batch)
        definite = batch_sent(j, a->body);
    if (definite && j->kind == JOB_member && j->add)
        model_member(j->channel, j->member, true);
    if (definite && j->kind == JOB_erase)
        model_erased(ERASED);
    if (definite && j->kind == JOB_revoke)
        model_revoked(j->member, j->op);
    if (definite && j->kind == JOB_mute && !model_outlived(model_op_of(j->op), j->member))
        model_mute(j->member, MUTES_some);
    j->done = definite || !repeats(j);
    if (!j->done)
        j->again_us = sim.now_us + roll_between(&dice, AGAIN_LEAST_MS, AGAIN_MOST_MS) * MS;
    if (!j->done && j->again_us < due_us)
        due_us = j->again_us;
}

static void ask_for(struct job *j)
{
    struct call call = {.session = front_session(&dice),
                        .method = j->method,
                        .path = j->path,
                        .key = j->key,
                        .user = j->user,
                        .body = j->body,
                        .sent = sent};
    j->under_way = true;
    j->again_us = NEVER;
    http_call(&call, PATIENCE_S * SECOND, answered, j);
}

static struct job *job(enum job_kind kind, const char *method)
{
    struct job *j = &jobs[jobs_n < JOBS_MAX ? jobs_n++ : 0];
    ENSURE(jobs_n < JOBS_MAX);
    *j = (struct job){.used = true, .kind = kind, .method = method, .again_us = NEVER};
    return j;
}

static void member(unsigned channel, unsigned user, bool add, bool sure)
{
    struct job *j = job(JOB_member, add ? "PUT" : "DELETE");
    snprintf(j->path, sizeof j->path, "/api/topics/%s/members/%s", model_name(USERS + channel),
             users[user]);
    j->channel = channel;
    j->member = user;
    j->add = sure;
    if (!sure)
        model_member(channel, user, false);
    ask_for(j);
}

void producers_open(void)
{
    memset(jobs, 0, sizeof jobs);
    jobs_n = 0;
    due_us = NEVER;
    dice = dice_of(200, 0);
    for (unsigned c = 0; c < CHANNELS; c++)
        for (unsigned u = 0; u < USERS; u++)
            member(c, u, true, true);
}

uint64_t producers_due_us(void)
{
    return due_us;
}

void producers_run(void)
{
    uint64_t next_us = NEVER;
    for (unsigned i = 0; i < jobs_n; i++) {
        if (jobs[i].again_us <= sim.now_us)
            ask_for(&jobs[i]);
        else if (jobs[i].again_us < next_us)
            next_us = jobs[i].again_us;
    }
    due_us = next_us;
}

bool producers_idle(void)
{
    for (unsigned i = 0; i < jobs_n; i++)
        if (!jobs[i].done)
            return false;
    return true;
}

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

void producers_look(void)
{
    look_at(ERASED, true);
}

/* One of the last that can be named; NULL: none. */
static const struct job *published(uint64_t back)
{
    for (unsigned i = jobs_n; i-- > 0;)
        if (jobs[i].publish[0] && back-- == 0)
            return &jobs[i];
    return NULL;
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
        look_at((unsigned)(s->a % USERS), s->b % 2);
        return true;
    case STEP_patch:
        patch(s->a, s->b, s->c);
        return true;
    case STEP_revise:
        revise(s->a, s->b, s->c);
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
