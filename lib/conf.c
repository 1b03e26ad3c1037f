/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_SIZE = 128, QUOTE_MAX = 200 };
#define QUOTED "\"%.200s\"" /* QUOTE_MAX: whatever its length, the reason has room */

static const struct conf_setting *find(const struct conf_setting *rows, size_t count,
                                       const char *path)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].path, path) == 0)
            return &rows[i];
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

static bool set(const struct conf_setting *rows, size_t count, const char *path, const char *value,
                const char *origin, void *out, struct buf *why)
{
    const struct conf_setting *s = find(rows, count, path);
    if (!s) {
        buf_format(why, "%s: " QUOTED " is not a setting; allowed:", origin, path);
        for (size_t i = 0; i < count; i++)
            buf_format(why, " %s", rows[i].path);
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
        buf_format(why, "%s: %s = " QUOTED " is not allowed: ", origin, path, value);
        describe(s, why);
    }
    return good;
}

bool conf_set(const struct conf_table *t, const char *path, const char *value, const char *origin,
              void *out, struct buf *why)
{
    return set(t->rows, t->count, path, value, origin, out, why);
}

/* "name = value # comment", or "name" alone; a value may stand in quotes. */
struct line {
    bool indented;
    char *name, *value; /* value: NULL when there is no = */
};

static char *skip_space(char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* The value at p, ended in place; NULL when it is not one. */
static char *cut_value(char *p)
{
    char quote = *p, *rest;
    if (quote == '"' || quote == '\'') {
        char *end = strchr(++p, quote);
        rest = end ? skip_space(end + 1) : NULL;
        if (!rest || (*rest && *rest != '#'))
            return NULL;
        *end = '\0';
        return p;
    }
    rest = p + strcspn(p, "#\r\n");
    while (rest > p && (rest[-1] == ' ' || rest[-1] == '\t'))
        rest--;
    *rest = '\0';
    return p;
}

/* False when the text is no such line. An empty name: blank or only a comment. */
static bool cut_line(char *text, struct line *line)
{
    char *name = skip_space(text), *end = name + strcspn(name, " \t\r\n=#");
    char *mark = skip_space(end);
    bool given = *mark == '=';
    *line = (struct line){.name = name};
    if (*name == '#' || *name == '\0') {
        *name = '\0';
        return true;
    }
    line->indented = name > text;
    if (end == name || (name > text && (name - text != 4 || memchr(text, '\t', 4))))
        return false;
    if (!given && *mark && *mark != '#')
        return false;
    if (given && !(line->value = cut_value(skip_space(mark + 1))))
        return false;
    *end = '\0';
    return true;
}

static bool is_section(const struct conf_table *t, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < t->count; i++)
        if (strncmp(t->rows[i].path, name, n) == 0 && t->rows[i].path[n] == '/')
            return true;
    return false;
}

static const struct conf_list *find_list(const struct conf_table *t, const char *name)
{
    for (size_t i = 0; i < t->lists_n; i++)
        if (strcmp(t->lists[i].section, name) == 0)
            return &t->lists[i];
    return NULL;
}

/* Where the file's reader stands. */
struct place {
    const struct conf_table *table;
    void *out;
    struct buf *why;
    char section[NAME_SIZE];      /* "": none */
    const struct conf_list *list; /* the section is an item of it */
    void *item;
    uint64_t number; /* of the line */
};

static uint64_t *u64_at(void *out, size_t offset)
{
    return (uint64_t *)(void *)((char *)out + offset);
}

static void *item_at(const struct conf_list *list, void *out, uint64_t i)
{
    return (char *)out + list->items + i * list->item_size;
}

static bool begin_item(struct place *at, const struct conf_list *list, const char *origin)
{
    uint64_t *n = u64_at(at->out, list->n);
    if (*n == list->items_max) {
        buf_format(at->why, "%s: there may be at most %zu of \"%s\"", origin, list->items_max,
                   list->section);
        return false;
    }
    at->list = list;
    at->item = item_at(list, at->out, *n);
    ++*n;
    *u64_at(at->item, list->line) = at->number;
    for (size_t i = 0; i < list->count; i++)
        if (!set(list->rows, list->count, list->rows[i].path, list->rows[i].standard, "default",
                 at->item, at->why))
            return false;
    return true;
}

static bool load_line(struct place *at, const struct line *line, const char *origin)
{
    const struct conf_table *t = at->table;
    const char *value = line->value ? line->value : "";
    char path[2 * NAME_SIZE];
    if (!line->indented) {
        at->section[0] = '\0';
        at->list = NULL;
    }
    if (!line->indented && !line->value) {
        const struct conf_list *list = find_list(t, line->name);
        if (list || is_section(t, line->name)) {
            snprintf(at->section, NAME_SIZE, "%s", line->name);
            return !list || begin_item(at, list, origin);
        }
    }
    if (line->indented && !at->section[0]) {
        buf_format(at->why, "%s: " QUOTED " stands under no section", origin, line->name);
        return false;
    }
    if (at->list)
        return set(at->list->rows, at->list->count, line->name, value, origin, at->item, at->why);
    snprintf(path, sizeof path, "%s%s%s", at->section, at->section[0] ? "/" : "", line->name);
    return conf_set(t, path, value, origin, at->out, at->why);
}

static bool check_items(const struct conf_table *t, const char *file, void *out, struct buf *why)
{
    struct buf reason;
    bool good = true;
    buf_init(&reason, 1024);
    for (const struct conf_list *list = t->lists; good && list < t->lists + t->lists_n; list++)
        for (uint64_t i = 0; good && list->check && i < *u64_at(out, list->n); i++) {
            void *item = item_at(list, out, i);
            good = list->check(out, item, &reason);
            if (!good)
                buf_format(why, "%s:%llu: %s: %.*s", file,
                           (unsigned long long)*u64_at(item, list->line), list->section,
                           (int)reason.n, reason.p);
        }
    buf_fini(&reason);
    return good;
}

/* Read here and not by czmq's zconfig, which forgets the lines' numbers and tells what is wrong
 * with one to standard output. */
static bool load_file(const struct conf_table *t, const char *file, void *out, struct buf *why)
{
    FILE *f = fopen(file, "re");
    if (!f) {
        buf_format(why, "%s: %s", file, strerror(errno));
        return false;
    }
    struct place at = {.table = t, .out = out, .why = why};
    char *text = NULL, origin[512];
    size_t room = 0;
    bool good = true;
    while (good && getline(&text, &room, f) >= 0) {
        struct line line;
        snprintf(origin, sizeof origin, "%s:%llu", file, (unsigned long long)++at.number);
        good = cut_line(text, &line);
        if (!good)
            buf_format(why,
                       "%s: a line must be \"name = value\", with four spaces before it when it "
                       "stands under a section",
                       origin);
        else if (*line.name)
            good = load_line(&at, &line, origin);
    }
    if (good && ferror(f)) {
        buf_format(why, "%s: %s", file, strerror(errno));
        good = false;
    }
    free(text);
    fclose(f);
    return good && check_items(t, file, out, why);
}

static void env_name(const struct conf_table *t, const char *path, char *out, size_t size)
{
    snprintf(out, size, "%s%s", t->prefix, path);
    for (char *p = out; *p; p++)
        *p = *p == '/' ? '_' : (char)toupper((unsigned char)*p);
}

/* A variable with our prefix that is no setting is a setting misspelt. */
static bool known_variable(const struct conf_table *t, const char *variable, struct buf *why)
{
    size_t n = strcspn(variable, "=");
    char name[256];
    if (strncmp(variable, t->prefix, strlen(t->prefix)) != 0)
        return true;
    for (const char *const *other = t->others; other && *other; other++)
        if (strlen(*other) == n && strncmp(variable, *other, n) == 0)
            return true;
    for (size_t i = 0; i < t->count; i++) {
        env_name(t, t->rows[i].path, name, sizeof name);
        if (strlen(name) == n && strncmp(variable, name, n) == 0)
            return true;
    }
    buf_format(why, "environment: \"%.*s\" is not a setting; allowed:",
               (int)(n < QUOTE_MAX ? n : QUOTE_MAX), variable);
    for (size_t i = 0; i < t->count; i++) {
        env_name(t, t->rows[i].path, name, sizeof name);
        buf_format(why, " %s", name);
    }
    return false;
}

static bool load_environment(const struct conf_table *t, void *out, struct buf *why)
{
    for (char **variable = environ; *variable; variable++)
        if (!known_variable(t, *variable, why))
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

bool conf_load(const struct conf_table *t, const char *file, void *out, struct buf *why)
{
    for (size_t i = 0; i < t->lists_n; i++)
        *u64_at(out, t->lists[i].n) = 0;
    for (size_t i = 0; i < t->count; i++)
        if (!conf_set(t, t->rows[i].path, t->rows[i].standard, "default", out, why))
            return false;
    if (file && !load_file(t, file, out, why))
        return false;
    return load_environment(t, out, why);
}

static void print_setting(const struct conf_table *t, const struct conf_setting *s, struct buf *out)
{
    const char *slash = strchr(s->path, '/'), *indent = slash ? "    " : "";
    char name[256];
    env_name(t, s->path, name, sizeof name);
    buf_format(out, "%s# %s\n%s# ", indent, s->help, indent);
    describe(s, out);
    buf_format(out, "; %s\n%s%s = \"%s\"\n", name, indent, slash ? slash + 1 : s->path,
               s->standard);
}

static void print_list(const struct conf_list *list, struct buf *out)
{
    buf_format(out, "\n# %s\n# Up to %zu of them, none by default.\n#%s\n", list->help,
               list->items_max, list->section);
    for (size_t i = 0; i < list->count; i++) {
        const struct conf_setting *s = &list->rows[i];
        buf_format(out, "#    # %s\n#    # ", s->help);
        describe(s, out);
        buf_format(out, "\n#    %s = \"%s\"\n", s->path, s->standard);
    }
}

void conf_print(const struct conf_table *t, struct buf *out)
{
    char section[NAME_SIZE] = "";
    for (const struct conf_setting *s = t->rows; s < t->rows + t->count; s++) {
        const char *slash = strchr(s->path, '/');
        size_t n = slash ? (size_t)(slash - s->path) : 0;
        if (n > 0 && (strlen(section) != n || strncmp(section, s->path, n) != 0)) {
            snprintf(section, sizeof section, "%.*s", (int)n, s->path);
            buf_format(out, "\n%s\n", section);
        }
        print_setting(t, s, out);
    }
    for (size_t i = 0; i < t->lists_n; i++)
        print_list(&t->lists[i], out);
}
