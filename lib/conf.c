/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"

#include <ctype.h>
#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct conf_setting *find(const struct conf_table *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].path, path) == 0)
            return &t->rows[i];
    return NULL;
}

static void describe(const struct conf_setting *s, struct buf *out)
{
    switch (s->type) {
    case CONF_str:
        buf_format(out, "text of %llu to %llu bytes", (unsigned long long)s->min,
                   (unsigned long long)s->max);
        break;
    case CONF_u64:
        buf_format(out, "a whole number from %llu to %llu", (unsigned long long)s->min,
                   (unsigned long long)s->max);
        break;
    case CONF_flag:
        buf_text(out, "0 or 1");
        break;
    }
}

static bool put_u64(const struct conf_setting *s, const char *value, void *at)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    uint64_t max = s->type == CONF_flag ? 1 : s->max;
    if (!isdigit((unsigned char)value[0]) || *end || errno || n < s->min || n > max)
        return false;
    *(uint64_t *)at = n;
    return true;
}

bool conf_set(const struct conf_table *t, const char *path, const char *value, const char *origin,
              void *out, struct buf *why)
{
    const struct conf_setting *s = find(t, path);
    if (!s) {
        buf_format(why, "%s: \"%s\" is not a setting; allowed:", origin, path);
        for (size_t i = 0; i < t->count; i++)
            buf_format(why, " %s", t->rows[i].path);
        return false;
    }
    char *at = (char *)out + s->offset;
    size_t n = strlen(value);
    bool good;
    if (s->type == CONF_str)
        good = n >= s->min && n <= s->max && n < s->size;
    else
        good = put_u64(s, value, at);
    if (good && s->type == CONF_str)
        memcpy(at, value, n + 1);
    if (!good) {
        buf_format(why, "%s: %s = \"%s\" is not allowed: ", origin, path, value);
        describe(s, why);
    }
    return good;
}

/* The number of the line that the k-th node stands on. zconfig drops the numbers, but a node is
 * always one line that is neither blank nor a comment, and it keeps them in order. */
static int line_of(const char *file, int k)
{
    FILE *f = fopen(file, "r");
    char *line = NULL;
    size_t room = 0;
    int number = 0;
    while (f && k >= 0 && getline(&line, &room, f) >= 0) {
        number++;
        const char *p = line + strspn(line, " \t\r\n");
        if (*p && *p != '#')
            k--;
    }
    free(line);
    if (f)
        fclose(f);
    return number;
}

/* "session" alone on its line, when all that stood under it is commented out. */
static bool is_section(const struct conf_table *t, const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < t->count; i++)
        if (strncmp(t->rows[i].path, path, n) == 0 && t->rows[i].path[n] == '/')
            return true;
    return false;
}

struct walk {
    const struct conf_table *table;
    const char *file;
    void *out;
    struct buf *why;
    int seen;
};

static bool load_children(struct walk *w, zconfig_t *parent, const char *above)
{
    for (zconfig_t *node = zconfig_child(parent); node; node = zconfig_next(node)) {
        char path[256], origin[512];
        snprintf(path, sizeof path, "%s%s%s", above, *above ? "/" : "", zconfig_name(node));
        int at = w->seen++;
        if (zconfig_child(node)) {
            if (!load_children(w, node, path))
                return false;
            continue;
        }
        snprintf(origin, sizeof origin, "%s:%d", w->file, line_of(w->file, at));
        const char *value = zconfig_value(node);
        if (!value && is_section(w->table, path))
            continue;
        if (!conf_set(w->table, path, value ? value : "", origin, w->out, w->why))
            return false;
    }
    return true;
}

static bool load_file(const struct conf_table *t, const char *file, void *out, struct buf *why)
{
    zsys_handler_set(NULL); /* signals are ours */
    if (access(file, R_OK) != 0) {
        buf_format(why, "%s: %s", file, strerror(errno));
        return false;
    }
    zconfig_t *root = zconfig_load(file);
    if (!root) {
        buf_format(why, "%s: not readable as ZPL (name = value, four spaces a level)", file);
        return false;
    }
    struct walk w = {t, file, out, why, 0};
    bool good = load_children(&w, root, "");
    zconfig_destroy(&root);
    return good;
}

static void env_name(const struct conf_table *t, const char *path, char *out, size_t size)
{
    snprintf(out, size, "%s%s", t->prefix, path);
    for (char *p = out; *p; p++)
        *p = *p == '/' ? '_' : (char)toupper((unsigned char)*p);
}

bool conf_load(const struct conf_table *t, const char *file, void *out, struct buf *why)
{
    for (size_t i = 0; i < t->count; i++)
        if (!conf_set(t, t->rows[i].path, t->rows[i].standard, "default", out, why))
            return false;
    if (file && !load_file(t, file, out, why))
        return false;
    for (size_t i = 0; i < t->count; i++) {
        char name[256];
        env_name(t, t->rows[i].path, name, sizeof name);
        const char *value = getenv(name);
        if (value && !conf_set(t, t->rows[i].path, value, name, out, why))
            return false;
    }
    return true;
}

void conf_print(const struct conf_table *t, struct buf *out)
{
    char section[64] = "";
    for (size_t i = 0; i < t->count; i++) {
        const struct conf_setting *s = &t->rows[i];
        const char *slash = strchr(s->path, '/');
        size_t n = slash ? (size_t)(slash - s->path) : 0;
        if (n > 0 && (strlen(section) != n || strncmp(section, s->path, n) != 0)) {
            snprintf(section, sizeof section, "%.*s", (int)n, s->path);
            buf_format(out, "\n%s\n", section);
        }
        const char *indent = slash ? "    " : "";
        char name[256];
        env_name(t, s->path, name, sizeof name);
        buf_format(out, "%s# %s\n%s# ", indent, s->help, indent);
        describe(s, out);
        buf_format(out, "; %s\n%s%s = \"%s\"\n", name, indent, slash ? slash + 1 : s->path,
                   s->standard);
    }
}
