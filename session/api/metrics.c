/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/metrics.h"

#include "lib/counters.h"
#include "lib/curve.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* The text format wants all values of a name together, so all files are open at once. */
void roles_open(const struct session *s, struct roles *all)
{
    struct paths paths = paths_of(s->settings);
    DIR *dir = opendir(paths.run);
    all->n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char file[PATH_SIZE + 264];
        snprintf(file, sizeof file, "%s/%s/count", paths.run, e->d_name);
        if (all->n < ROLES_MAX && counters_read(&all->list[all->n], file))
            all->n++;
    }
    if (dir)
        closedir(dir);
}

void roles_close(struct roles *all)
{
    for (size_t i = 0; i < all->n; i++)
        counters_close(&all->list[i]);
}

const struct counter *roles_find(const struct counters *c, const char *name)
{
    for (size_t i = 0; i < c->head->count; i++)
        if (strncmp(c->rows[i].name, name, sizeof c->rows[i].name) == 0)
            return &c->rows[i];
    return NULL;
}

/* No earlier role has a counter of this name. */
static bool first(const struct roles *all, size_t role, const char *name)
{
    for (size_t i = 0; i < role; i++)
        if (roles_find(&all->list[i], name))
            return false;
    return true;
}

static void write_name(const struct roles *all, size_t role, const struct counter *row,
                       struct buf *out)
{
    bool total = row->kind == COUNTER_total;
    buf_format(out, "# HELP belfry_%.40s%s %.80s\n# TYPE belfry_%.40s%s %s\n", row->name,
               total ? "_total" : "", row->help, row->name, total ? "_total" : "",
               total ? "counter" : "gauge");
    for (size_t i = role; i < all->n; i++) {
        const struct counter *same = roles_find(&all->list[i], row->name);
        if (same)
            buf_format(out, "belfry_%.40s%s{role=\"%.24s\"} %llu\n", row->name,
                       total ? "_total" : "", all->list[i].head->role,
                       (unsigned long long)same->value);
    }
}

void metrics_write(struct session *s, struct buf *out)
{
    struct roles all;
    roles_open(s, &all);
    for (size_t role = 0; role < all.n; role++)
        for (size_t i = 0; i < all.list[role].head->count; i++)
            if (first(&all, role, all.list[role].rows[i].name))
                write_name(&all, role, &all.list[role].rows[i], out);
    roles_close(&all);
}

/* A gauge of another process; false when it cannot be read. */
static bool gauge_of(const struct session *s, const char *role, const char *name, uint64_t *value)
{
    char file[PATH_SIZE];
    struct counters c;
    path_counters(s->settings, role, file);
    if (!counters_read(&c, file))
        return false;
    const struct counter *row = roles_find(&c, name);
    *value = row ? row->value : 0;
    counters_close(&c);
    return true;
}

bool metrics_store_writable(struct session *s)
{
    uint64_t full;
    if (!gauge_of(s, "store", "disk_full", &full))
        return curve_needed(s->settings->store_endpoint); /* another machine's: it says so itself */
    return full == 0;
}

bool metrics_keys_failing(struct session *s)
{
    uint64_t failing;
    return !gauge_of(s, "hook", "jwks_failing", &failing) || failing > 0;
}
