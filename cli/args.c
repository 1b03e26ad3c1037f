/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include "lib/ensure.h"
#include "lib/loop.h"

#include <errno.h>
#include <stdlib.h>

static const struct option common[] = {
    {"--config", "FILE", "settings (belfry conf prints them all)"},
    {"--data", "DIR", "the installation's folder; else BELFRY_DATA, the file's, ./data"},
};
enum { COMMON = sizeof common / sizeof *common };

static void describe(const struct option *o, struct buf *out)
{
    buf_format(out, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
}

static void allowed(const struct command *c, struct buf *out)
{
    for (unsigned i = 0; i < ARGS_OPTIONS && c->options[i].name; i++) {
        describe(&c->options[i], out);
        buf_text(out, ", ");
    }
    describe(&common[0], out);
    buf_text(out, ", ");
    describe(&common[1], out);
}

static _Noreturn void wrong(const struct command *c, const char *what, const char *arg)
{
    struct buf out;
    buf_init(&out, 900);
    allowed(c, &out);
    refuse("belfry %s: %s %s; allowed:%s%s %.*s", c->name, arg, what, *c->words ? " " : "",
           c->words, (int)out.n, out.p);
}

static bool json_text(const char *value)
{
    return value && (*value == '{' || *value == '[');
}

static int row_of(const struct command *c, const char *name)
{
    for (int i = 0; i < ARGS_OPTIONS && c->options[i].name; i++)
        if (strcmp(c->options[i].name, name) == 0)
            return i;
    return -1;
}

/* Gives how many arguments it took. */
static int take(struct args *a, const char *arg, const char *value)
{
    int row = row_of(a->command, arg);
    bool folder = strcmp(arg, "--data") == 0 && !json_text(value);
    const char **slot;
    if (row >= 0 && !folder)
        slot = &a->values[row];
    else if (folder)
        slot = &a->data;
    else if (strcmp(arg, "--config") == 0)
        slot = &a->config;
    else
        wrong(a->command, "is not an option", arg);
    if (*slot)
        wrong(a->command, "is given twice", arg);
    if (row >= 0 && !a->command->options[row].value) {
        *slot = "";
        return 1;
    }
    if (!value)
        wrong(a->command, "wants a value", arg);
    *slot = value;
    return 2;
}

struct args args_read(const struct command *command, int argc, char **argv)
{
    struct args a = {.command = command, .words = argv};
    bool options = true; /* until a -- */
    for (int i = 0; i < argc;) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            i++;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            i += take(&a, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        } else {
            if (a.count == command->most)
                wrong(command, "is too much", argv[i]);
            a.words[a.count++] = argv[i++];
        }
    }
    if (a.count < command->least)
        wrong(command, "is needed", command->words);
    return a;
}

const char *args_get(const struct args *a, const char *option)
{
    int row = row_of(a->command, option);
    ENSURE(row >= 0);
    return a->values[row];
}

uint64_t args_number(const struct args *a, const char *option, uint64_t min, uint64_t max,
                     uint64_t otherwise)
{
    const char *value = args_get(a, option);
    if (!value)
        return otherwise;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || n < min || n > max)
        refuse("belfry %s: %s \"%s\" is not allowed: a whole number from %llu to %llu",
               a->command->name, option, value, (unsigned long long)min, (unsigned long long)max);
    return n;
}

struct settings args_settings(const struct args *a)
{
    return settings_load(a->config, a->data);
}

static void help_option(const struct option *o, struct buf *out)
{
    size_t from = out->n;
    buf_text(out, "      ");
    describe(o, out);
    size_t n = out->n - from;
    buf_format(out, "%*s%s\n", n < 30 ? (int)(30 - n) : 2, "", o->help);
}

void args_help(const struct command *command, struct buf *out)
{
    for (const struct command *c = commands; c < commands + command_count; c++) {
        if (command && c != command)
            continue;
        buf_format(out, "  belfry %s%s%s\n      %s\n", c->name, *c->words ? " " : "", c->words,
                   c->help);
        for (unsigned i = 0; i < ARGS_OPTIONS && c->options[i].name; i++)
            help_option(&c->options[i], out);
    }
    buf_text(out, "  each of them also takes\n");
    for (unsigned i = 0; i < COMMON; i++)
        help_option(&common[i], out);
}
