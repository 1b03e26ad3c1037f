/* SPDX-License-Identifier: Apache-2.0 */
/* The tree's belfry.conf, and what happens to a wrong one or a wrong use: nothing starts, and the
 * reason is said with its place and with what is allowed. */
#include "cli/commands.h"
#include "tests/lib/process.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_file_is_what_conf_prints(void **state)
{
    (void)state;
    struct buf want, have;
    char part[4096];
    size_t n;
    buf_init(&want, 1 << 20);
    buf_init(&have, 1 << 20);
    conf_text(&want);
    FILE *f = fopen("belfry.conf", "r"); /* tests run in the tree's root */
    assert_non_null(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(&have, part, n);
    fclose(f);
    buf_byte(&want, 0);
    buf_byte(&have, 0);
    assert_string_equal(have.p, want.p);
    buf_fini(&want);
    buf_fini(&have);
}

static void the_file_gives_the_defaults(void **state)
{
    (void)state;
    struct settings from_file = settings_load("belfry.conf", NULL);
    struct settings without = settings_load(NULL, NULL);
    assert_memory_equal(&from_file, &without, sizeof without);
}

/* Run it; gives the exit code, and what it said to both. */
static int run(const char *command, char *said, size_t size)
{
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(said, 1, size - 1, f);
    said[n] = '\0';
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *program, const char *args, int code, const char *const words[])
{
    char path[512], command[1024], said[4096];
    process_path(program, path);
    snprintf(command, sizeof command, "%s %s 2>&1", path, args);
    int got = run(command, said, sizeof said);
    for (int i = 0; words[i]; i++)
        if (!strstr(said, words[i]))
            fail_msg("%s: \"%s\" is not in: %s", command, words[i], said);
    if (got != code)
        fail_msg("%s: left with %d, not %d: %s", command, got, code, said);
}
#define EXPECT(program, args, code, ...)                                                           \
    expect(program, args, code, (const char *const[]){__VA_ARGS__, NULL})

static void wrong_settings_stop_every_program(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *allowed;
    } rows[] = {
        {"listen = \"127.0.0.1:0\"\nsesions = 2\n", ":2:", "allowed: listen data sessions"},
        {"# first\n\nsessions = 65\n", ":3:", "a whole number from 1 to 64"},
        {"session\n    idle_ms = soon\n", ":2:", "a whole number from 1000"},
        {"dev = yes\n", ":1:", "0 or 1"},
        {"dev = 1\n\ntopic\n    pattern = channel:{id}\n    join = friends\n", ":3: topic: join",
         "one of nobody, anyone, authenticated, owner, member, token"},
        {"topic\n    pattern = channel:{id}\nrule\n    event = e\n    topic = channel:{id}\n"
         "    title = t\n",
         ":3: rule:", "no class with history has topics like \"channel:{id}\""},
    };
    static const char *const programs[] = {"belfry serve", "belfry-store", "belfry-broker",
                                           "belfry-notifier", "belfry-session"};
    char folder[] = "/tmp/conf.XXXXXX", file[64], args[96], place[80];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/f", folder);
    snprintf(args, sizeof args, "--config %s", file);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        FILE *f = fopen(file, "w");
        fputs(rows[r].text, f);
        fclose(f);
        snprintf(place, sizeof place, "%s%s", file, rows[r].place);
        for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
            EXPECT(programs[i], args, 100, place, rows[r].allowed);
    }
    setenv("BELFRY_SESION_IDLE_MS", "5000", 1);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        EXPECT(programs[i], "--data /tmp/none", 100, "\"BELFRY_SESION_IDLE_MS\" is not a setting",
               "BELFRY_SESSION_IDLE_MS");
    unsetenv("BELFRY_SESION_IDLE_MS");
    setenv("BELFRY_NOTIFIER_PUBLISH_TO", "udp://127.0.0.1:5555", 1);
    EXPECT("belfry-notifier", "--data /tmp/none", 100, "notifier/publish_to", "tcp://ADDRESS:PORT");
    unsetenv("BELFRY_NOTIFIER_PUBLISH_TO");
    folder_remove(folder);
}

static void wrong_uses_are_refused(void **state)
{
    (void)state;
    EXPECT("belfry", "sevre", 100, "\"sevre\" is not a command",
           "serve init status doctor token key revoke notify publish tail who members import "
           "bench check");
    EXPECT("belfry", "serve --lisen x", 100, "--lisen is not an option", "--listen HOST:PORT");
    EXPECT("belfry", "serve now", 100, "now is too much");
    EXPECT("belfry", "serve --sessions 0 --data /tmp/none", 100, "--sessions", "from 1 to 64");
    EXPECT("belfry", "serve --sessions", 100, "--sessions wants a value");
    EXPECT("belfry", "token --user a --user b", 100, "--user is given twice");
    EXPECT("belfry", "token", 100, "--user ID or --service");
    EXPECT("belfry", "token --user a:b --data /tmp/none", 100, "--user");
    EXPECT("belfry", "token --user a --ttl 0", 100, "--ttl", "from 1 to");
    EXPECT("belfry", "token --user a --data /tmp/none", 100, "secrets/token.key");
    EXPECT("belfry", "notify ann", 100, "USER TITLE is needed");
    EXPECT("belfry", "notify ann t --data '{\"n\":' --data /tmp/none", 100, "--data is not JSON");
    EXPECT("belfry", "notify ann t --data '{\"n\":1}' --data /tmp/none", 100, "secrets/api.key");
    EXPECT("belfry", "status --data /tmp/none", 2, "nothing has run");
    EXPECT("belfry", "check --data /tmp/none", 2, "is it running?");
    EXPECT("belfry", "help", 0, "belfry serve", "belfry check", "--expires-in S",
           "belfry tail TOPIC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_what_conf_prints),
        cmocka_unit_test(the_file_gives_the_defaults),
        cmocka_unit_test(wrong_settings_stop_every_program),
        cmocka_unit_test(wrong_uses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
