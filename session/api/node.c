/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/node.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/log.h"
#include "proto/event.h"
#include "session/actions/actions.h"
#include "session/api/api.h"
#include "session/auth/auth.h"
#include "session/api/metrics.h"
#include "session/live/page.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

bool node_service(struct session *s, struct request *r)
{
    struct who who;
    if (!api_authorised(s, r, &who))
        return false;
    if (who.kind != WHO_service)
        http_problem(s, r, 403, "",
                     "the node's processes need an API key or a token with the scope admin");
    return who.kind == WHO_service;
}

/* ---- the processes ---- */

static uint64_t value(const struct counters *c, const char *name)
{
    const struct counter *row = roles_find(c, name);
    return row ? row->value : 0;
}

/* What the supervisor counts of a role; NULL when there is none. */
static const struct counter *tally(const struct roles *all, const char *role, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", role, what);
    for (char *p = name; *p; p++)
        *p = *p == '.' ? '_' : *p;
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->list[i].head->role, "serve") == 0 && process_alive(all->list[i].head->pid))
            return roles_find(&all->list[i], name);
    return NULL;
}

static void process_write(struct buf *out, const struct roles *all, const struct counters *c,
                          uint64_t now_ms)
{
    const struct counters_head *head = c->head;
    const struct counter *restarts = tally(all, head->role, "restarts");
    const struct counter *refused = tally(all, head->role, "refused");
    bool alive = process_alive(head->pid);
    buf_text(out, "{\"role\":");
    json_write_string(out, bytes_of(head->role));
    buf_format(out, ",\"alive\":%s,\"pid\":", alive ? "true" : "false");
    if (alive)
        buf_u64(out, head->pid);
    else
        buf_text(out, "null");
    page_number(out, ",\"uptime_ms\":",
                alive && now_ms > head->started_wall_ms ? now_ms - head->started_wall_ms : 0);
    buf_text(out, ",\"restarts\":");
    if (restarts)
        buf_u64(out, restarts->value);
    else
        buf_text(out, "null");
    buf_format(out, ",\"refused\":%s}", refused && refused->value ? "true" : "false");
}

void node_processes(struct session *s, struct request *r)
{
    struct roles all;
    struct buf out;
    uint64_t head = 0, position = 0, connections = 0;
    const char *mark = "";
    if (!node_service(s, r))
        return;
    roles_open(s, &all);
    buf_init(&out, 1 << 16);
    buf_text(&out, "{\"processes\":[");
    for (size_t i = 0; i < all.n; i++) {
        const struct counters *c = &all.list[i];
        head += value(c, "log_head");
        position += value(c, "position");
        connections += process_alive(c->head->pid) ? value(c, "connections") : 0;
        buf_text(&out, mark);
        process_write(&out, &all, c, s->wall_ms);
        mark = ",";
    }
    page_number(&out, "],\"connections\":", connections);
    page_number(&out, ",\"log_head\":", head);
    page_number(&out, ",\"notifier_position\":", position);
    page_number(&out, ",\"lag\":", head > position ? head - position : 0);
    buf_text(&out, ",\"server_time\":");
    time_write(&out, s->wall_ms);
    buf_byte(&out, '}');
    ENSURE(!out.overflowed);
    http_answer(s, r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
    roles_close(&all);
}

/* ---- the log ---- */

struct line {
    struct bytes at, text;
    const char *role;
};

static int later(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    return -memcmp(a->at.p, b->at.p, 24); /* the newest first */
}

/* The lines of one process: "TIME LINE\n". What is torn is left out. */
static size_t lines_of(struct bytes text, const char *role, struct line *list, size_t n, size_t max)
{
    while (text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t whole = end ? (size_t)(end - text.p) : text.n;
        if (end && whole > 25 && text.p[23] == 'Z' && text.p[24] == ' ' && n < max)
            list[n++] = (struct line){{text.p, 24}, {text.p + 25, whole - 25}, role};
        whole += end != NULL;
        text = (struct bytes){text.p + whole, text.n - whole};
    }
    return n;
}

static void lines_write(struct session *s, struct request *r, struct line *list, size_t n)
{
    struct buf out;
    buf_init(&out, 4 << 20);
    qsort(list, n, sizeof *list, later);
    buf_text(&out, "{\"lines\":[");
    for (size_t i = 0; i < n && i < LOG_LINES; i++) {
        buf_text(&out, i ? ",{\"at\":" : "{\"at\":");
        json_write_string(&out, list[i].at);
        buf_text(&out, ",\"role\":");
        json_write_string(&out, bytes_of(list[i].role));
        buf_text(&out, ",\"line\":");
        json_write_string(&out, list[i].text);
        buf_byte(&out, '}');
    }
    buf_text(&out, "]}");
    ENSURE(!out.overflowed);
    http_answer(s, r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

void node_log(struct session *s, struct request *r)
{
    enum { LINES = 1 << 14 };
    struct roles all;
    struct buf texts[ROLES_MAX];
    struct line *list;
    size_t n = 0;
    if (!node_service(s, r))
        return;
    list = malloc(LINES * sizeof *list);
    ENSURE(list != NULL);
    roles_open(s, &all);
    for (size_t i = 0; i < all.n; i++) {
        char file[PATH_SIZE];
        path_log(s->settings, all.list[i].head->role, file);
        buf_init(&texts[i], 1 << 17);
        if (log_tail(file, &texts[i]))
            n = lines_of(buf_all(&texts[i]), all.list[i].head->role, list, n, LINES);
    }
    lines_write(s, r, list, n);
    for (size_t i = 0; i < all.n; i++)
        buf_fini(&texts[i]);
    roles_close(&all);
    free(list);
}

/* ---- killing ---- */

/* The pid of a running role; 0: there is none of this name. */
static uint64_t pid_of(struct session *s, struct bytes role)
{
    struct roles all;
    uint64_t pid = 0;
    roles_open(s, &all);
    for (size_t i = 0; i < all.n; i++) {
        const struct counters_head *head = all.list[i].head;
        if (bytes_equal(bytes_of(head->role), role) && strcmp(head->role, "serve") != 0 &&
            process_alive(head->pid))
            pid = head->pid;
    }
    roles_close(&all);
    return pid;
}

/* Which role to kill; `pid`: only if it still is this process (0: whichever it is). */
static bool victim_of(struct session *s, struct bytes body, struct bytes *role, uint64_t *pid,
                      struct problem *why)
{
    struct bytes text = {0}, number = {0};
    const struct json_place places[] = {{"role", &text}, {"pid", &number}};
    if (!fields_read(body, FIELDS(places), KILL_MEMBERS, why))
        return false;
    if (text.n > 0 && !json_string(text, &s->scratch, role))
        return problem_set(why, "role", "must be text");
    if (field_given(number) && (!json_u64(number, pid) || *pid == 0))
        return problem_set(why, "pid", "must be a whole number from 1");
    return role->n > 0 || problem_set(why, "role", "must be there");
}

void node_kill(struct session *s, struct request *r)
{
    struct problem why = {0};
    struct bytes role = {0};
    uint64_t asked = 0;
    if (!auth_dev(s, r)) {
        http_problem(s, r, 404, "", "there is nothing at this path");
        return;
    }
    if (!api_json_body(s, r))
        return;
    if (!victim_of(s, request_body(r), &role, &asked, &why)) {
        http_problem(s, r, 400, why.field, why.detail);
        return;
    }
    uint64_t pid = pid_of(s, role);
    if (pid == 0) {
        http_problem(s, r, 404, "role", "no process of this name runs here");
        return;
    }
    if (asked != 0 &&
        asked != pid) { /* a browser repeats what had no answer: that one is dead already */
        http_problem(s, r, 404, "pid", "it is another process by now");
        return;
    }
    log_line("session.kill role=%s pid=%llu", log_safe(role), (unsigned long long)pid);
    http_answer(s, r, 202, "application/json", BYTES("{}"), NULL);
    kill((pid_t)pid, SIGKILL); /* perhaps us: then this answer does not leave */
}
