/* SPDX-License-Identifier: Apache-2.0 */
/* belfry -- the command line: runs the installation, asks it, speaks to it. */
#include "cli/commands.h"
#include "lib/loop.h"

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    for (const struct command *c = commands; c < commands + command_count; c++) {
        if (strcmp(c->name, name) != 0)
            continue;
        struct args args = args_read(c, argc > 2 ? argc - 2 : 0, argv + 2);
        return c->run(&args);
    }
    struct buf names;
    buf_init(&names, 500);
    for (const struct command *c = commands; c < commands + command_count; c++)
        buf_format(&names, " %s", c->name);
    refuse("belfry: \"%s\" is not a command; allowed:%.*s", name, (int)names.n, names.p);
}
