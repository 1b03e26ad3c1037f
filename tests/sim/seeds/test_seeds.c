/* SPDX-License-Identifier: Apache-2.0 */
/* test_seeds -- the simulator (tests/sim/sim.h).
 *
 *     test_seeds              every seed that ever failed (tests/sim/seeds/kept), then the first SHORT, for SHORT_S at most
 *     SEEDS=1000 test_seeds   so many, from FIRST (1) on
 *     SECONDS=60 test_seeds   for so long
 *     SEED=17 test_seeds      this one: if it is wrong, its story
 *     STORY=1                 the story in any case, not shortened */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 64, WRONG_MAX = 200, SHORT = 2000, SHORT_S = 60 };
enum { TURN = 200 }; /* seeds of a worker: what runs hold, which longjmp leaves, goes with it */

/* What the workers share. */
struct board {
    uint64_t next, last;      /* seeds */
    uint64_t at[WORKERS_MAX]; /* the one at work: it may kill us */
    uint64_t done, us, wrong_n;
    struct {
        uint64_t seed;
        char check[32];
    } wrong[WRONG_MAX];
};
static struct board *board;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t number(const char *name, uint64_t standard)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : standard;
}

static void note(uint64_t seed, const char *check)
{
    uint64_t i = __atomic_fetch_add(&board->wrong_n, 1, __ATOMIC_SEQ_CST);
    if (i >= WRONG_MAX)
        return;
    board->wrong[i].seed = seed;
    snprintf(board->wrong[i].check, sizeof board->wrong[i].check, "%s", check);
}

static bool over(double until)
{
    return board->next >= board->last || board->wrong_n >= WRONG_MAX || seconds() >= until;
}

static void work(unsigned worker, double until)
{
    static struct plan plan;
    for (unsigned n = 0; n < TURN && !over(until); n++) {
        uint64_t seed = __atomic_fetch_add(&board->next, 1, __ATOMIC_SEQ_CST);
        if (seed >= board->last)
            break;
        board->at[worker] = seed;
        plan_roll(&plan, seed);
        uint64_t before_us = run_us;
        struct verdict v = run_plan(&plan, seed, false);
        if (v.wrong)
            note(seed, v.check);
        __atomic_fetch_add(&board->done, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&board->us, run_us - before_us, __ATOMIC_SEQ_CST);
    }
    board->at[worker] = 0;
}

static pid_t start(unsigned worker, double until)
{
    pid_t pid = fork();
    if (pid == 0) {
        work(worker, until);
        _exit(0);
    }
    return pid;
}

static void run_seeds(uint64_t first, uint64_t n, uint64_t for_s)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers = (unsigned)number("WORKERS", (uint64_t)(cpus > 0 ? cpus : 1));
    double until = for_s > 0 ? seconds() + (double)for_s : 1e18;
    pid_t pids[WORKERS_MAX] = {0};
    workers = workers > WORKERS_MAX ? WORKERS_MAX : workers;
    board->next = first;
    board->last = first + n;
    fflush(stdout);
    for (unsigned i = 0; i < workers; i++)
        pids[i] = start(i, until);
    for (pid_t left; (left = wait(NULL)) > 0;) {
        unsigned i = 0;
        while (pids[i] != left)
            i++;
        if (board->at[i] > 0)
            note(board->at[i], "crash"); /* it died over this one */
        board->at[i] = 0;
        if (!over(until))
            pids[i] = start(i, until);
    }
}

/* In a process of its own: what is told may be a crash. */
static void story(uint64_t seed)
{
    static struct plan plan;
    fflush(stdout);
    if (fork() == 0) {
        plan_roll(&plan, seed);
        struct verdict v = run_plan(&plan, seed, getenv("STORY") != NULL);
        unsigned all = plan.n;
        if (v.wrong && !getenv("STORY")) {
            shrink(&plan, seed, v.check);
            printf("# seed %llu: %s (%u of its %u steps are needed)\n", (unsigned long long)seed,
                   v.check, plan.n, all);
            v = run_plan(&plan, seed, true);
        }
        printf("# seed %llu: %s%s%s\n", (unsigned long long)seed, v.wrong ? v.check : "right",
               v.wrong ? ": " : "", v.wrong ? v.what : "");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static unsigned tap;

static void report(const char *group, double took)
{
    if (board->wrong_n == 0)
        printf("ok %u - %s\n", ++tap, group);
    else
        printf("not ok %u - %s\n", ++tap, group);
    printf(
        "# %llu seeds, %.1f simulated hours, %.1f s: %.1f seeds a second, %.0f simulated seconds "
        "a second\n",
        (unsigned long long)board->done, (double)board->us / 3.6e9, took,
        (double)board->done / took, (double)board->us / 1e6 / took);
    for (uint64_t i = 0; i < board->wrong_n && i < WRONG_MAX; i++)
        printf("# wrong: seed %llu: %s\n", (unsigned long long)board->wrong[i].seed,
               board->wrong[i].check);
    if (board->wrong_n > 0)
        printf("# told again, as a story: SEED=%llu make sim\n",
               (unsigned long long)board->wrong[0].seed);
    if (board->wrong_n > 0 && !getenv("QUIET"))
        story(board->wrong[0].seed);
    fflush(stdout);
}

static void group(const char *name, uint64_t first, uint64_t n, uint64_t for_s)
{
    double from = seconds();
    board->done = board->us = board->wrong_n = 0;
    run_seeds(first, n, for_s);
    report(name, seconds() - from);
}

/* Lines of a seed and a sentence. How many are wrong. */
static uint64_t kept(const char *path)
{
    uint64_t wrong_n = 0;
    char line[300], name[340];
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *sentence;
        uint64_t seed = strtoull(line, &sentence, 10);
        if (seed == 0)
            continue;
        sentence[strcspn(sentence, "\n")] = '\0';
        snprintf(name, sizeof name, "seed %llu:%s", (unsigned long long)seed, sentence);
        group(name, seed, 1, 0);
        wrong_n += board->wrong_n;
    }
    if (f)
        fclose(f);
    return wrong_n;
}

int main(void)
{
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    uint64_t seed = number("SEED", 0), seeds = number("SEEDS", 0), for_s = number("SECONDS", 0);
    uint64_t first = number("FIRST", 1);
    if (seed > 0) {
        story(seed);
        return 0;
    }
    if (seeds > 0 || for_s > 0) {
        group("new seeds", first, seeds > 0 ? seeds : UINT64_MAX / 2, for_s);
        return board->wrong_n > 0;
    }
    uint64_t failed = kept("tests/sim/seeds/kept");
    group("the first seeds", 1, SHORT, SHORT_S); /* the same each time; FIRST=n rolls others */
    printf("1..%u\n", tap);
    return failed + board->wrong_n > 0;
}
