/* SPDX-License-Identifier: Apache-2.0 */
/* bench-floor-lmdb: the floor under acknowledged creates. One thread writes the rows of one create
 * after the other into LMDB, a group to a commit, default flags: no process, socket, check or
 * answer is in the way.
 *
 * The rows are those of store/: the log's entry at its end, the item's row in the index, the
 * inbox's own row, the idempotency key's; the same keys, and values of the same length. Users come
 * in turn and are new in each run, as in bench-load. What is there stays there, and trees that have
 * grown are slower: --count writes as many as Belfry did, so that both keep the same size. */
#include "bench/common/report.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "proto/messages.h"
#include "proto/topic.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SUM_SIZE = 4, HASH_SIZE = 16, ROW_MAX = 4096 };
#define MAP_BYTES ((size_t)64 << 30) /* address space only: the file grows as it is used */

enum { LOG, INDEX, TOPICS, IDEM, TABLES };
static const char *const table_names[TABLES] = {"log", "index", "topics", "idem"};

struct floor {
    MDB_env *env;
    MDB_dbi tables[TABLES];
    MDB_txn *txn;
    uint64_t seq, at_ms;
    uint64_t first; /* what `seq` was when this run began */
    uint64_t run;   /* in names and keys, so that runs do not meet */
    struct buf row;
};

static struct options {
    const char *dir;
    uint64_t group, seconds, count, users, key, json; /* count: instead of seconds, unless 0 */
} opt = {"", 64, 10, 0, 1000, 1, 0};

static void must(int rc, const char *what)
{
    if (rc)
        try_again("%s: %s", what, mdb_strerror(rc));
}

static void number_key(uint8_t *to, uint64_t n)
{
    for (int i = 7; i >= 0; i--, n >>= 8)
        to[i] = (uint8_t)n;
}

/* Put what was encoded into `row`, with as many bytes behind it as a checksum has. */
static void put(struct floor *f, int table, void *key, size_t n)
{
    buf_add(&f->row, "sum", SUM_SIZE);
    ENSURE(!f->row.overflowed);
    MDB_val k = {n, key}, v = {f->row.n, f->row.p};
    must(mdb_put(f->txn, f->tables[table], &k, &v, table == LOG ? MDB_APPEND : 0), "put");
    buf_reset(&f->row);
}

/* Creates that this run's user has, with this one. */
static uint64_t round_of(const struct floor *f)
{
    return (f->seq - 1 - f->first) / opt.users + 1;
}

static void put_log(struct floor *f, struct bytes topic)
{
    static const char content[] =
        "{\"type\":\"activity\",\"title\":\"New message in #design\","
        "\"body\":\"Ann: shall we ring the bell at noon?\",\"data\":{\"n\":%llu,\"t\":%llu}}";
    char text[sizeof content + 40];
    uint8_t key[8];
    int n = snprintf(text, sizeof text, content, (unsigned long long)f->seq,
                     (unsigned long long)f->at_ms * 1000);
    struct msg m = {.id = MSG_entry,
                    .entry = {.seq = f->seq,
                              .prev = round_of(f) > 1 ? f->seq - opt.users : 0,
                              .topic = topic,
                              .kind = ENTRY_created,
                              .at_ms = f->at_ms,
                              .unread = round_of(f),
                              .type = 2,
                              .pos = f->seq,
                              .content = {text, (size_t)n}}};
    msg_write(&f->row, &m);
    number_key(key, f->seq);
    put(f, LOG, key, sizeof key);
}

static void put_index(struct floor *f, uint64_t user)
{
    uint8_t key[16];
    const uint64_t numbers[] = {f->at_ms, 2, 0, 0, f->seq}; /* type, expires, read, rev */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        mp_put_u64(&f->row, numbers[i]);
    number_key(key, f->first + user + 1); /* the seq of the inbox's first entry */
    number_key(key + 8, f->seq);
    put(f, INDEX, key, sizeof key);
}

static void put_topic(struct floor *f, char *topic, size_t n, uint64_t user)
{
    uint64_t count = round_of(f);
    /* no, head, unread, quiet, newest_pos, read_upto, next_expiry, items */
    const uint64_t numbers[] = {f->first + user + 1, f->seq, count, 0, f->seq, 0, 0, count};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        mp_put_u64(&f->row, numbers[i]);
    put(f, TOPICS, topic, n);
}

static void put_idem(struct floor *f)
{
    uint8_t key[8 + HASH_SIZE];
    uint64_t what[2] = {f->run, f->seq};
    number_key(key, f->at_ms / 86400000);
    hash128((struct bytes){(char *)what, sizeof what}, key + 8);
    struct msg m = {.id = MSG_created,
                    .created = {.first_seq = f->seq, .count = 1, .at_ms = f->at_ms}};
    buf_add(&f->row, key + 8, HASH_SIZE); /* the body's hash: as long, and as random */
    msg_write(&f->row, &m);
    put(f, IDEM, key, sizeof key);
}

static void put_create(struct floor *f)
{
    char user[64], topic[TOPIC_MAX + 1];
    uint64_t number = (f->seq++ - f->first) % opt.users;
    int n = snprintf(user, sizeof user, "b%08x-%llu", (unsigned)f->run, (unsigned long long)number);
    size_t length = topic_of_user((struct bytes){user, (size_t)n}, topic);
    put_log(f, (struct bytes){topic, length});
    put_index(f, number);
    put_topic(f, topic, length, number);
    if (opt.key)
        put_idem(f);
}

static void open_env(struct floor *f)
{
    if (mkdir(opt.dir, 0700) != 0 && errno != EEXIST)
        refuse("--dir %s: %s", opt.dir, strerror(errno));
    must(mdb_env_create(&f->env), "create");
    must(mdb_env_set_maxdbs(f->env, TABLES), "maxdbs");
    must(mdb_env_set_mapsize(f->env, MAP_BYTES), "mapsize");
    must(mdb_env_open(f->env, opt.dir, 0, 0600), "open");
    must(mdb_txn_begin(f->env, NULL, 0, &f->txn), "begin");
    for (int i = 0; i < TABLES; i++)
        must(mdb_dbi_open(f->txn, table_names[i], MDB_CREATE, &f->tables[i]), "table");
    MDB_stat st;
    must(mdb_stat(f->txn, f->tables[LOG], &st), "stat");
    f->seq = f->first = st.ms_entries;
    must(mdb_txn_commit(f->txn), "commit");
    secret_random(&f->run, sizeof f->run);
    buf_init(&f->row, ROW_MAX);
}

/* Pages in use at the end, for each create that is there. */
static double bytes_per_create(struct floor *f)
{
    MDB_envinfo info;
    MDB_stat st;
    must(mdb_env_info(f->env, &info), "info");
    must(mdb_env_stat(f->env, &st), "stat");
    return (double)(info.me_last_pgno + 1) * st.ms_psize / (double)f->seq;
}

static void options_read(int argc, char **argv)
{
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"--group", &opt.group}, {"--seconds", &opt.seconds}, {"--count", &opt.count},
                   {"--users", &opt.users}, {"--key", &opt.key},         {"--json", &opt.json}};
    for (int i = 1; i < argc; i += 2) {
        bool known = i + 1 < argc && strcmp(argv[i], "--dir") == 0;
        if (known)
            opt.dir = argv[i + 1];
        for (size_t k = 0; i + 1 < argc && k < sizeof numbers / sizeof *numbers; k++)
            if (strcmp(argv[i], numbers[k].name) == 0) {
                *numbers[k].value = strtoull(argv[i + 1], NULL, 10);
                known = true;
            }
        if (!known)
            refuse("%s: allowed: --dir DIR --group N --seconds N --count N --users N --key 0|1 "
                   "--json 0|1",
                   argv[i]);
    }
    if (!opt.dir[0] || !opt.group || !opt.seconds || !opt.users)
        refuse("--dir DIR must be said; group, seconds and users must be above 0");
}

int main(int argc, char **argv)
{
    static struct floor f;
    static struct histogram commits;
    static struct report report;
    options_read(argc, argv);
    open_env(&f);
    uint64_t from = clock_ns(), now = from, until = from + opt.seconds * 1000000000, done = 0;
    while (opt.count ? done < opt.count : now < until) {
        f.at_ms = clock_wall_ms();
        must(mdb_txn_begin(f.env, NULL, 0, &f.txn), "begin");
        for (uint64_t i = 0; i < opt.group; i++)
            put_create(&f);
        uint64_t commit = clock_ns();
        must(mdb_txn_commit(f.txn), "commit");
        now = clock_ns();
        histogram_add(&commits, now - commit);
        done += opt.group;
    }
    report_add(&report, (double)done * 1e9 / (double)(now - from), 0, "creates_per_s");
    report_times(&report, "commit", &commits);
    report_add(&report, bytes_per_create(&f), 0, "file_bytes_per_create");
    report_print(&report, opt.json != 0);
    mdb_env_close(f.env);
    return 0;
}
