/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "lib/ensure.h"
#include "proto/settings.h"

#include <stdio.h>
#include <unistd.h>

const struct command commands[] = {
    {"serve",
     "",
     0,
     0,
     "run everything on this machine; TERM drains",
     serve_command,
     {{"--listen", "HOST:PORT", "where HTTP and WebSocket are; port 0: any free one"},
      {"--sessions", "N", "session processes"},
      {"--only", "ROLES", "of store,broker,notifier,sessions: the others are on another machine"},
      {"--dev", NULL, "development: no keys asked; listens on loopback only"}}},
    {"init",
     "",
     0,
     0,
     "make a new installation: settings, folders, secrets; says what it made",
     init_command,
     {{"--listen", "HOST:PORT", "where HTTP and WebSocket will be"}}},
    {"status",
     "",
     0,
     0,
     "which processes run, and how far they are",
     status_command,
     {{"--json", NULL, "for programs"}}},
    {"doctor",
     "",
     0,
     0,
     "look at files, disk, limits, clock, hooks, libraries; 1 when something is bad",
     doctor_command,
     {{0}}},
    {"token",
     "",
     0,
     0,
     "print a token, and nothing else",
     token_command,
     {{"--user", "ID", "of this user"},
      {"--service", NULL, "of a back end"},
      {"--topics", "P,...", "topics that the bearer may join"},
      {"--ttl", "S", "seconds that it is good for; 86400"}}},
    {"key",
     "add|list|revoke [NAME]",
     1,
     2,
     "the keys of back ends; add prints the new one, once",
     key_command,
     {{"--scopes", "S,...", "what it may: create, publish, read, admin; create"}}},
    {"revoke",
     "",
     0,
     0,
     "tokens are good no more; who is connected with one is closed",
     revoke_command,
     {{"--user", "ID", "this user's tokens that were made until now"},
      {"--before", "TIME", "those from before it, like 2026-11-23T14:45:00Z"},
      {"--token", "TOKEN", "this one, by its jti"},
      {"--jti", "ID", "the one of this jti"},
      {"--expires-at", "TIME", "when that one ends, so that it need not be known for longer"}}},
    {"notify",
     "USER TITLE",
     2,
     2,
     "send a notification, and print the answer",
     notify_command,
     {{"--type", "T", "transient, toast, activity, alert or system; activity"},
      {"--body", "B", "text under the title"},
      {"--data", "JSON", "an object for the application, {...}"},
      {"--expires-in", "S", "seconds until it ends"},
      {"--at", "TIME", "when it is to arrive, like 2026-11-23T14:45:00Z"}}},
    {"publish",
     "TOPIC EVENT JSON",
     3,
     3,
     "publish an event on a topic, and print the answer",
     publish_command,
     {{0}}},
    {"tail",
     "TOPIC",
     1,
     1,
     "print a topic's events as they come; INT ends it",
     tail_command,
     {{"--since", "SEQ", "first those that are kept after SEQ; 0: all of them"},
      {"--count", "N", "end after so many"},
      {"--json", NULL, "for programs: a line of JSON for each"}}},
    {"who",
     "TOPIC",
     1,
     1,
     "print who is on a topic, and with how many connections",
     who_command,
     {{"--count", NULL, "only how many they are"}, {"--json", NULL, "the answer as it came"}}},
    {"members",
     "TOPIC [add|remove USER...]",
     1,
     ARGS_ANY,
     "print a topic's members, or change them",
     members_command,
     {{0}}},
    {"import",
     "[FILE]",
     0,
     1,
     "take over notifications, lines of JSON, from FILE or standard input; may be run again",
     import_command,
     {{"--from", "LINE", "begin there; 1"}}},
    {"bench",
     "[MODE [NAME=N...]]",
     0,
     ARGS_ANY,
     "put load on this installation, and print what it cost; without MODE: what there is",
     bench_command,
     {{0}}},
    {"check", "", 0, 0, "recount every inbox against its counts", check_command, {{0}}},
    {"backup",
     "DIR",
     1,
     1,
     "copy the store and the secrets to DIR, while it runs or not; serve --data DIR restores",
     backup_command,
     {{0}}},
    {"conf", "", 0, 0, "print every setting with its default", conf_command, {{0}}},
    {"help", "", 0, 0, "this", help_command, {{0}}},
};
const size_t command_count = sizeof commands / sizeof *commands;

int help_command(const struct args *a)
{
    (void)a;
    struct buf out;
    buf_init(&out, 1 << 16);
    buf_text(&out, "belfry: a real-time server for web applications\n\n");
    args_help(NULL, &out);
    buf_text(&out,
             "\nexit: 0 done, 1 no (drift, refused), 2 not running, 100 wrong use or setting, "
             "111 try again\n");
    fwrite(out.p, 1, out.n, stdout);
    buf_fini(&out);
    return 0;
}

void conf_text(struct buf *out)
{
    buf_text(out,
             "# SPDX-License-Identifier: Apache-2.0\n"
             "# belfry.conf -- every setting with its default, as `belfry conf` prints it.\n"
             "# What is left out keeps its default. An option of the command line wins over the\n"
             "# environment (its variable is named beside each setting), and that over this file.\n"
             "# The format is ZPL: name = value, four spaces a level.\n\n");
    conf_print(&settings_table, out);
}

int conf_command(const struct args *a)
{
    (void)a;
    struct buf out;
    buf_init(&out, 1 << 16);
    conf_text(&out);
    fwrite(out.p, 1, out.n, stdout);
    buf_fini(&out);
    return 0;
}

void address_path(const struct settings *s, char out[PATH_SIZE])
{
    struct paths paths = paths_of(s);
    snprintf(out, PATH_SIZE, "%.*s/address", PATH_SIZE - 10, paths.run);
}

void address_of(const struct settings *s, char out[ADDRESS_SIZE])
{
    char file[PATH_SIZE];
    address_path(s, file);
    snprintf(out, ADDRESS_SIZE, "http://%s", s->listen);
    FILE *f = fopen(file, "re");
    if (!f)
        return;
    char line[ADDRESS_SIZE];
    if (fgets(line, sizeof line, f) && strncmp(line, "http://", 7) == 0)
        snprintf(out, ADDRESS_SIZE, "%.*s", (int)strcspn(line, "\n"), line);
    fclose(f);
}

void programs_folder(char out[PROGRAM_PATH])
{
    ssize_t n = readlink("/proc/self/exe", out, PROGRAM_PATH - 1);
    ENSURE(n > 0);
    out[n] = '\0';
    *strrchr(out, '/') = '\0';
}
