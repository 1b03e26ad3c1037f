/* SPDX-License-Identifier: Apache-2.0 */
/* belfry bench: the load generator (bench-load, beside this program) on this installation. */
#include "cli/commands.h"

#include "lib/ensure.h"
#include "lib/loop.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void program_path(char out[PATH_SIZE])
{
    char self[PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    ENSURE(n > 0);
    self[n] = '\0';
    int length = snprintf(out, PATH_SIZE, "%s/bench-load", dirname(self));
    ENSURE(length > 0 && length < PATH_SIZE);
}

/* NAME=N becomes --NAME N. */
static void add_option(char **to, const char *word)
{
    const char *equals = strchr(word, '=');
    if (!equals || equals == word)
        refuse("belfry bench: \"%s\": options are NAME=NUMBER, like users=1000", word);
    if (asprintf(&to[0], "--%.*s", (int)(equals - word), word) < 0 || !(to[1] = strdup(equals + 1)))
        try_again("belfry bench: no memory");
}

int bench_command(const struct args *a)
{
    char program[PATH_SIZE], url[ADDRESS_SIZE];
    struct settings s = args_settings(a);
    char **argv = calloc(7 + 2 * (size_t)a->count, sizeof *argv);
    ENSURE(argv != NULL);
    program_path(program);
    address_of(&s, url);
    unsigned n = 0;
    argv[n++] = program;
    if (a->count > 0) { /* else it says what there is */
        argv[n++] = a->words[0];
        argv[n++] = "--url";
        argv[n++] = url;
        argv[n++] = "--data";
        argv[n++] = s.data;
    }
    for (unsigned i = 1; i < a->count; i++, n += 2)
        add_option(argv + n, a->words[i]);
    execv(program, argv);
    refuse("belfry bench: %s: %s", program, strerror(errno));
}
