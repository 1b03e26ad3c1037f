/* SPDX-License-Identifier: Apache-2.0 */
/* producers.c -- back ends ask by HTTP. With an idempotency key they ask again until they are told, as docs/api.md
 * says; without one they ask once, and may never know. */
#include "tests/sim/producers.h"

#include "lib/ensure.h"
#include "lib/json.h"

#include <stdio.h>

enum { JOBS_MAX = 600, PATIENCE_S = 6, AGAIN_LEAST_MS = 50, AGAIN_MOST_MS = 700 };

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

/* A count alone, or with the items; or messages. */
static void read_sent(const struct job *j, struct bytes body)
{
    bool messages = j->kind == JOB_history;
    struct page page = {.items = text_member(body, messages ? "messages" : "notifications"),
                        .answer = body,
                        .now_ms = text_time(body, "server_time"),
                        .last = bytes_is(text_member(body, "next"), "null")};
    text_number(body, "seq", &page.seq);
    text_number(body, "unread_count", &page.unread);
    if (page.seq != 0 && page.seq < j->floor)
        wrong("erased, yet shown", "%s at seq %llu, erased at %llu", j->user,
              (unsigned long long)page.seq, (unsigned long long)j->floor);
    else if (messages)
        model_page("a back end", USERS + j->channel, &page);
    else if (j->kind == JOB_count)
        model_counted("a back end", user_of(j->user), &page);
    else
        model_page("a back end", user_of(j->user), &page);
}

/* It leaves the process: what it says is true now. */
static void sent(void *about, const struct answer *a)
{
    const struct job *j = about;
    uint64_t seq = 0;
    if (a->status == 200 && bytes_is(text_member(a->body, "everywhere"), "true"))
        model_everywhere(j->op);
    if ((a->status == 201 || a->status == 202) && j->kind <= JOB_publish) {
        model_ok(j->op, first_seq(j, a->body));
    } else if (a->status == 200 && j->kind == JOB_take_back) {
        model_off(j->op);
    } else if (a->status == 200 && j->kind == JOB_batch) {
        batch_sent(j, a->body);
    } else if (a->status == 200 && j->kind == JOB_import) {
        uint64_t became[3] = {0};
        text_number(a->body, "notifications", &became[0]);
        text_number(a->body, "known", &became[1]);
        text_number(a->body, "over", &became[2]);
        model_imported(j->op, j->marks, became);
    } else if (a->status == 200 && j->kind == JOB_patch) {
        text_number(a->body, "seq", &seq);
        model_patched(j->op, seq);
    } else if (a->status == 200 && j->kind == JOB_revise) {
        uint64_t count = 0;
        text_number(a->body, "seq", &seq);
        text_number(a->body, "updated", &count);
        model_revised(j->op, seq, count);
    } else if (a->status == 200 && j->kind >= JOB_count && j->kind <= JOB_history) {
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

void ask_for(struct job *j)
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

struct job *job(enum job_kind kind, const char *method)
{
    struct job *j = &jobs[jobs_n < JOBS_MAX ? jobs_n++ : 0];
    ENSURE(jobs_n < JOBS_MAX);
    *j = (struct job){.used = true, .kind = kind, .method = method, .again_us = NEVER};
    return j;
}

void member(unsigned channel, unsigned user, bool add, bool sure)
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

const struct job *published(uint64_t back)
{
    for (unsigned i = jobs_n; i-- > 0;)
        if (jobs[i].publish[0] && back-- == 0)
            return &jobs[i];
    return NULL;
}

const struct job *job_of(enum job_kind kind, uint64_t back)
{
    for (unsigned i = jobs_n; i-- > 0;)
        if (jobs[i].kind == kind && back-- == 0)
            return &jobs[i];
    return NULL;
}
