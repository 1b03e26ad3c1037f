/* SPDX-License-Identifier: Apache-2.0 */
/* belfry publish, tail, who, members: with everything running, also while some of it is killed. */
#include "lib/clock.h"
#include "tests/lib/process.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, SAID = 64 << 10 };

static const char config[] = "topic\n    pattern = \"room:{id}\"\n    history = 1000\n"
                             "topic\n    pattern = \"short:{id}\"\n    history = 2\n"
                             "topic\n    pattern = \"typing:{id}\"\n"
                             "topic\n    pattern = \"hall:{id}\"\n    presence = 1\n"
                             "rule\n    event = say\n    topic = \"room:{id}\"\n"
                             "    title = \"New in {id}\"\n";

static struct world {
    char folder[32], data[64], belfry[512];
    pid_t serve;
    char said[SAID]; /* by the last command, to both */
} w;

static int command(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* belfry ...; gives its exit code. What it says is in w.said. */
static int command(const char *format, ...)
{
    char args[2048], line[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(args, sizeof args, format, list);
    va_end(list);
    snprintf(line, sizeof line, "%s %s --data %s 2>&1", w.belfry, args, w.data);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    size_t n = fread(w.said, 1, sizeof w.said - 1, f);
    w.said[n] = '\0';
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define SAYS(want, ...)                                                                            \
    do {                                                                                           \
        int code_ = command(__VA_ARGS__);                                                          \
        if (code_ != 0 || !strstr(w.said, want))                                                   \
            fail_msg("left with %d, and said %s", code_, w.said);                                  \
    } while (0)

#define REFUSES(code, want, ...)                                                                   \
    do {                                                                                           \
        int code_ = command(__VA_ARGS__);                                                          \
        if (code_ != (code) || !strstr(w.said, want))                                              \
            fail_msg("left with %d, not %d, and said %s", code_, (code), w.said);                  \
    } while (0)

static uint64_t publish(const char *topic, unsigned n)
{
    unsigned long long seq = 0;
    SAYS("{", "publish %s say '{\"n\": %u}'", topic, n);
    sscanf(w.said, "{\"seq\":%llu", &seq);
    return seq;
}

/* -- a tail that runs ------------------------------------------------------------------------- */

static struct running {
    FILE *f;
    char line[4096];
} tail;

static void tail_start(const char *args)
{
    char line[4096];
    snprintf(line, sizeof line, "exec %s tail %s --data %s", w.belfry, args, w.data);
    tail.f = popen(line, "r");
    assert_non_null(tail.f);
    setvbuf(tail.f, NULL, _IONBF, 0);
}

static bool tail_says_within(int ms)
{
    zmq_pollitem_t on = {.fd = fileno(tail.f), .events = ZMQ_POLLIN};
    return zmq_poll(&on, 1, ms) == 1;
}

static const char *tail_line(void)
{
    if (!tail_says_within(PATIENCE_MS) || !fgets(tail.line, sizeof tail.line, tail.f))
        fail_msg("tail says no more");
    tail.line[strcspn(tail.line, "\n")] = '\0';
    return tail.line;
}

/* It printed everything that it should, and nothing else. */
static void tail_ends(void)
{
    assert_true(tail_says_within(PATIENCE_MS));
    assert_null(fgets(tail.line, sizeof tail.line, tail.f));
    assert_int_equal(pclose(tail.f), 0);
}

static void expect_said(uint64_t seq, unsigned n)
{
    char want[64];
    snprintf(want, sizeof want, "%llu say {\"n\":%u,\"seq\":%llu,", (unsigned long long)seq, n,
             (unsigned long long)seq);
    if (strncmp(tail_line(), want, strlen(want)) != 0)
        fail_msg("got %s, want %s", tail.line, want);
}

/* -- the tests -------------------------------------------------------------------------------- */

static void what_is_kept_and_then_what_comes(void **state)
{
    (void)state;
    uint64_t seqs[6];
    for (unsigned i = 0; i < 3; i++)
        seqs[i] = publish("room:a", i);
    publish("room:b", 9); /* not of this one */
    tail_start("room:a --since 0 --count 6");
    for (unsigned i = 0; i < 3; i++)
        expect_said(seqs[i], i);
    for (unsigned i = 3; i < 6; i++)
        seqs[i] = publish("room:a", i);
    for (unsigned i = 3; i < 6; i++)
        expect_said(seqs[i], i);
    tail_ends();
    char args[64];
    snprintf(args, sizeof args, "room:a --since %llu --count 2 --json",
             (unsigned long long)seqs[3]);
    tail_start(args);
    assert_non_null(strstr(tail_line(), "{\"event\":\"say\",\"payload\":{\"n\":4,\"seq\":"));
    assert_non_null(strstr(tail_line(), "\"from\":null}}"));
    tail_ends();
}

static void more_than_a_page(void **state)
{
    (void)state;
    enum { MANY = 205 };
    static uint64_t seqs[MANY];
    for (unsigned i = 0; i < MANY; i++)
        seqs[i] = publish("room:many", i);
    tail_start("room:many --since 0 --count 206");
    for (unsigned i = 0; i < MANY; i++)
        expect_said(seqs[i], i);
    expect_said(publish("room:many", MANY), MANY);
    tail_ends();
    char args[64];
    snprintf(args, sizeof args, "room:many --since %llu --count %u",
             (unsigned long long)seqs[MANY - 101], 101);
    tail_start(args); /* the pages end just there */
    for (unsigned i = MANY - 100; i < MANY; i++)
        expect_said(seqs[i], i);
    tail_line();
    tail_ends();
}

static void what_is_no_longer_kept(void **state)
{
    (void)state;
    uint64_t seqs[5];
    for (unsigned i = 0; i < 5; i++)
        seqs[i] = publish("short:a", i);
    tail_start("short:a --since 0 --count 2 2>&1");
    char want[100];
    snprintf(want, sizeof want, "belfry tail: of 1 to %llu nothing is kept any more",
             (unsigned long long)seqs[2]);
    assert_string_equal(tail_line(), want);
    expect_said(seqs[3], 3);
    expect_said(seqs[4], 4);
    tail_ends();
}

/* The folder alone says which installation it is; its configuration is where `serve` has it. */
static void without_the_configuration(void **state)
{
    (void)state;
    char conf[64];
    snprintf(conf, sizeof conf, "%s", getenv("BELFRY_CONFIG"));
    uint64_t seq = publish("room:bare", 7);
    unsetenv("BELFRY_CONFIG");
    tail_start("room:bare --since 0 --count 1");
    expect_said(seq, 7);
    tail_ends();
    REFUSES(1, "404", "tail nowhere");
    setenv("BELFRY_CONFIG", conf, 1);
}

static void without_history(void **state)
{
    (void)state;
    tail_start("typing:a --count 1");
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    do { /* until it listens: what came before is lost */
        SAYS("{\"sent\":1}", "publish typing:a typing '{\"who\":\"ann\"}'");
        assert_true(clock_ms() < end_ms);
    } while (!tail_says_within(50));
    assert_string_equal(tail_line(), "- typing {\"who\":\"ann\"}");
    tail_ends();
}

static void an_inbox(void **state)
{
    (void)state;
    SAYS("notifications", "notify ann Hello");
    tail_start("user:ann:notifications --since 0 --count 2");
    assert_non_null(strstr(tail_line(), " notification:new {\"notification\":{\"id\":"));
    SAYS("notifications", "notify ann Again");
    assert_non_null(strstr(tail_line(), "\"title\":\"Again\""));
    tail_ends();
}

static void kill_role(const char *role)
{
    assert_int_equal(command("status --json"), 0);
    char mark[64];
    int pid = 0;
    snprintf(mark, sizeof mark, "{\"role\":\"%s\",\"alive\":true,\"pid\":", role);
    const char *at = strstr(w.said, mark);
    assert_true(at && sscanf(at + strlen(mark), "%d", &pid) == 1 && pid > 1);
    kill(pid, SIGKILL);
}

/* Everything once and in order, whoever dies. */
static void others_are_killed(void **state)
{
    (void)state;
    static const char *const roles[] = {"broker", "store", "notifier", "store", "broker"};
    uint64_t first = publish("room:c", 0);
    tail_start("room:c --since 0 --count 11");
    expect_said(first, 0);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t before = publish("room:c", 1 + 2 * i);
        kill_role(roles[i]);
        uint64_t end_ms = clock_ms() + PATIENCE_MS;
        while (command("publish room:c say '{\"n\": %u}'", 2 + 2 * i) != 0)
            assert_true(clock_ms() < end_ms);
        unsigned long long behind = 0;
        sscanf(w.said, "{\"seq\":%llu", &behind);
        expect_said(before, 1 + 2 * i);
        expect_said(behind, 2 + 2 * i);
    }
    tail_ends();
}

static void members(void **state)
{
    (void)state;
    SAYS("\"changed\":3", "members room:m add ann bob caf\xc3\xa9");
    SAYS("\"members\":3", "members room:m add ann");
    assert_int_equal(command("members room:m"), 0);
    assert_string_equal(w.said, "ann\nbob\ncaf\xc3\xa9\n");
    SAYS("\"changed\":1", "members room:m remove bob nobody");
    assert_int_equal(command("members room:m"), 0);
    assert_string_equal(w.said, "ann\ncaf\xc3\xa9\n");
    assert_int_equal(command("members room:empty"), 0);
    assert_string_equal(w.said, "");
}

static void a_message_reaches_the_members(void **state)
{
    (void)state;
    SAYS("\"changed\":2", "members room:news add bob eve");
    tail_start("user:bob:notifications --since 0 --count 2");
    for (int i = 0; i < 2; i++) {
        publish("room:news", 0);
        assert_non_null(strstr(tail_line(), "\"title\":\"New in news\",\"body\":null,"
                                            "\"data\":{\"topic\":\"room:news\",\"seq\":"));
    }
    tail_ends();
}

/* INT is how a person ends it. */
static void interrupted(void **state)
{
    (void)state;
    char line[2048];
    int pid = 0;
    uint64_t seq = publish("room:int", 0);
    snprintf(line, sizeof line, "echo $$; exec %s tail room:int --since 0 --data %s", w.belfry,
             w.data);
    tail.f = popen(line, "r");
    assert_non_null(tail.f);
    setvbuf(tail.f, NULL, _IONBF, 0);
    assert_true(sscanf(tail_line(), "%d", &pid) == 1 && pid > 1);
    expect_said(seq, 0);
    kill(pid, SIGINT);
    tail_ends();
}

static void who(void **state)
{
    (void)state;
    assert_int_equal(command("who hall:a"), 0); /* nobody */
    assert_string_equal(w.said, "");
    assert_int_equal(command("who hall:a --count"), 0);
    assert_string_equal(w.said, "0\n");
    SAYS("\"presences\":{}", "who hall:a --json");
}

static void what_is_refused(void **state)
{
    (void)state;
    REFUSES(1, "404", "publish nowhere say '{}'");
    REFUSES(1, "400", "publish room:a say '[]'");
    REFUSES(1, "404", "members nowhere");
    REFUSES(100, "JSON: is not", "publish room:a say '{'");
    REFUSES(100, "EVENT: 1 to 64", "publish room:a phx_close '{}'");
    REFUSES(100, "TOPIC: 1 to 200", "publish 'room a' say '{}'");
    REFUSES(100, "TOPIC EVENT JSON is needed", "publish room:a say");
    REFUSES(100, "is too much", "publish room:a say '{}' more");
    REFUSES(100, "add USER...", "members room:a add");
    REFUSES(100, "add USER...", "members room:a bob ann");
    REFUSES(100, "USER: 1 to 128", "members room:a add a:b");
    REFUSES(1, "404", "tail nowhere");
    REFUSES(100, "TOPIC: 1 to 200", "tail 'room a'");
    REFUSES(100, "--since \"-1\"", "tail room:a --since -1");
    REFUSES(100, "--count \"0\"", "tail room:a --count 0");
}

static void nothing_runs(void **state)
{
    (void)state;
    char other[600];
    snprintf(other, sizeof other, "%s tail room:a --data /tmp/none 2>&1", w.belfry);
    FILE *f = popen(other, "r");
    size_t n = fread(w.said, 1, sizeof w.said - 1, f);
    w.said[n] = '\0';
    assert_int_equal(WEXITSTATUS(pclose(f)), 2);
    assert_non_null(strstr(w.said, "the broker of /tmp/none does not answer: is it running?"));
}

static int setup(void **state)
{
    (void)state;
    int out[2];
    char conf[64], line[128] = "";
    process_path("belfry", w.belfry);
    snprintf(w.folder, sizeof w.folder, "/tmp/topics.XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    snprintf(w.data, sizeof w.data, "%s/d", w.folder);
    snprintf(conf, sizeof conf, "%s/conf", w.folder);
    FILE *f = fopen(conf, "w");
    fputs(config, f);
    fclose(f);
    setenv("BELFRY_CONFIG", conf, 1);
    assert_int_equal(pipe(out), 0);
    w.serve = fork();
    if (w.serve == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(w.belfry, w.belfry, "serve", "--data", w.data, "--listen", "127.0.0.1:0",
              (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    zmq_pollitem_t on = {.fd = out[0], .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&on, 1, PATIENCE_MS), 1);
    assert_true(read(out[0], line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "belfry ready http://127.0.0.1:"));
    close(out[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(process_end(w.serve), 0);
    folder_remove(w.folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_and_then_what_comes),
        cmocka_unit_test(more_than_a_page),
        cmocka_unit_test(what_is_no_longer_kept),
        cmocka_unit_test(without_the_configuration),
        cmocka_unit_test(without_history),
        cmocka_unit_test(an_inbox),
        cmocka_unit_test(others_are_killed),
        cmocka_unit_test(members),
        cmocka_unit_test(a_message_reaches_the_members),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(who),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(nothing_runs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
