/* SPDX-License-Identifier: Apache-2.0 */
/* belfry bench: the load generator (bench-load, beside this program) on this installation. */
#include "cli/commands.h"

#include "lib/ensure.h"
#include "lib/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
    char folder[PROGRAM_PATH], program[PROGRAM_PATH + 16], url[ADDRESS_SIZE];
    struct settings s = args_settings(a);
    char **argv = calloc(7 + 2 * (size_t)a->count, sizeof *argv);
    ENSURE(argv != NULL);
    programs_folder(folder);
    snprintf(program, sizeof program, "%s/bench-load", folder);
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
