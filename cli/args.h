/* SPDX-License-Identifier: Apache-2.0 */
/* args.h -- the commands and their options, from a table; what is not in it is refused.
 *
 * Every command also takes --config FILE and --data DIR: which installation it is about. Where a
 * command has a --data of its own (notify), a value that begins with { or [ is that one.
 * Errors  a wrong use leaves with 100 and says what is allowed. */
#pragma once

#include "lib/buf.h"
#include "proto/settings.h"

enum { ARGS_OPTIONS = 8 };
#define ARGS_ANY UINT32_MAX /* words */

struct args {
    const struct command *command;
    const char *values[ARGS_OPTIONS]; /* by the option's row; a flag has "" */
    char **words;                     /* argv's, without the options */
    unsigned count;                   /* of words */
    const char *config, *data;
};

struct option {
    const char *name;  /* --listen */
    const char *value; /* HOST:PORT; NULL: a flag */
    const char *help;
};

struct command {
    const char *name;
    const char *words;    /* USER TITLE */
    unsigned least, most; /* words */
    const char *help;
    int (*run)(const struct args *args);
    struct option options[ARGS_OPTIONS];
};

extern const struct command commands[];
extern const size_t command_count;

/* `argv` is borrowed, and its words are moved to its front. */
struct args args_read(const struct command *command, int argc, char **argv);

/* NULL when it was not given. The option must be in the command's table. */
const char *args_get(const struct args *a, const char *option);

/* Its number, or `otherwise` when it was not given. */
uint64_t args_number(const struct args *a, const char *option, uint64_t min, uint64_t max,
                     uint64_t otherwise);

/* The installation's settings. */
struct settings args_settings(const struct args *a);

/* One command's usage, or all of them. */
void args_help(const struct command *command, struct buf *out);
