/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine_lmdb.h"

#include "lib/ensure.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* Below this a commit that failed is put down to a full disk. */
#define FULL_BYTES (UINT64_C(1) << 20)

struct lmdb;

struct lmdb_txn {
    struct txn base;
    struct lmdb *db;
    MDB_txn *txn;
    bool write;
    atomic_bool used; /* a reader, by a thread */
};

struct lmdb {
    struct engine base;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    pthread_rwlock_t reading; /* shared while a reader is in use; alone while the map moves */
    atomic_bool growing;      /* somebody waits to be alone */
    struct lmdb_txn readers[ENGINE_READERS], writer;
    char *folder;
    _Atomic uint64_t map_bytes, sync_us_total;
};

static const struct engine_ops lmdb_ops;

static enum err failed(const char *what, int rc)
{
    log_line("engine.%s error=\"%s\"", what, mdb_strerror(rc));
    return ERR_WORLD;
}

static enum err answer_of(const char *what, int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        return ERR_FULL;
    default:
        return failed(what, rc);
    }
}

static MDB_val val_of(struct bytes b)
{
    return (MDB_val){b.n, (void *)(uintptr_t)b.p}; /* LMDB does not write through it */
}

static struct bytes bytes_of_val(MDB_val v)
{
    return (struct bytes){v.mv_data, v.mv_size};
}

static struct lmdb_txn *own(struct txn *t)
{
    return (struct lmdb_txn *)t;
}

static struct lmdb_txn *free_reader(struct lmdb *db)
{
    for (unsigned i = 0; i < ENGINE_READERS; i++)
        if (!atomic_exchange(&db->readers[i].used, true))
            return &db->readers[i];
    ensure_failed("no more than ENGINE_READERS read", __FILE__, __LINE__);
}

static void let_go(struct lmdb_txn *reader)
{
    reader->used = false;
    pthread_rwlock_unlock(&reader->db->reading);
}

static enum err lmdb_begin(struct engine *e, bool write, struct txn **out)
{
    struct lmdb *db = (struct lmdb *)e;
    struct lmdb_txn *t = &db->writer;
    int rc;
    if (write) {
        rc = mdb_txn_begin(db->env, NULL, 0, &t->txn);
    } else {
        pthread_rwlock_rdlock(&db->reading);
        t = free_reader(db);
        rc = t->txn ? mdb_txn_renew(t->txn) : mdb_txn_begin(db->env, NULL, MDB_RDONLY, &t->txn);
        if (rc)
            let_go(t);
    }
    if (rc)
        return failed("begin", rc);
    *out = &t->base;
    return ERR_OK;
}

static void lmdb_abort(struct txn *base)
{
    struct lmdb_txn *t = own(base);
    if (t->write) {
        mdb_txn_abort(t->txn);
        t->txn = NULL;
    } else {
        mdb_txn_reset(t->txn); /* kept for the next one */
        let_go(t);
    }
}

/* The lock is let go of in between: a map that is to grow has its turn. */
static enum err lmdb_again(struct txn *base)
{
    struct lmdb_txn *t = own(base);
    mdb_txn_reset(t->txn);
    pthread_rwlock_unlock(&t->db->reading);
    pthread_rwlock_rdlock(&t->db->reading);
    int rc = mdb_txn_renew(t->txn);
    return rc ? failed("renew", rc) : ERR_OK;
}

static uint64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static enum err lmdb_room(struct engine *e, uint64_t bytes)
{
    struct lmdb *db = (struct lmdb *)e;
    struct statvfs fs;
    if (statvfs(db->folder, &fs) != 0)
        return failed("statvfs", errno);
    return (uint64_t)fs.f_bavail * fs.f_frsize >= bytes ? ERR_OK : ERR_NO_SPACE;
}

/* LMDB tells a short write as EIO, so a full disk has to be asked for. Where the meta page could
 * not be written the environment refuses all further work: the next begin answers WORLD. */
static enum err lmdb_commit(struct txn *base)
{
    struct lmdb_txn *t = own(base);
    struct lmdb *db = t->db;
    uint64_t from_us = clock_us();
    int rc = mdb_txn_commit(t->txn);
    t->txn = NULL;
    db->sync_us_total += clock_us() - from_us;
    if (rc == ENOSPC || (rc == EIO && lmdb_room(&db->base, FULL_BYTES) == ERR_NO_SPACE))
        return ERR_NO_SPACE;
    return answer_of("commit", rc);
}

static enum err lmdb_grow(struct engine *e)
{
    struct lmdb *db = (struct lmdb *)e;
    db->growing = true;
    pthread_rwlock_wrlock(&db->reading);
    db->growing = false;
    uint64_t map_bytes = db->map_bytes * 2;
    int rc = mdb_env_set_mapsize(db->env, map_bytes);
    pthread_rwlock_unlock(&db->reading);
    if (rc)
        return failed("grow", rc);
    db->map_bytes = map_bytes;
    log_line("engine.grow map_mb=%llu", (unsigned long long)(map_bytes >> 20));
    return ERR_OK;
}

static struct engine_stats lmdb_stats(struct engine *e)
{
    struct lmdb *db = (struct lmdb *)e;
    return (struct engine_stats){db->map_bytes, db->sync_us_total};
}

static enum err lmdb_get(struct txn *base, enum table table, struct bytes key, struct bytes *value)
{
    struct lmdb_txn *t = own(base);
    MDB_val k = val_of(key), v;
    int rc = mdb_get(t->txn, t->db->tables[table], &k, &v);
    if (rc)
        return answer_of("get", rc);
    *value = bytes_of_val(v);
    return ERR_OK;
}

static enum err lmdb_put(struct txn *base, enum table table, struct bytes key, struct bytes value,
                         bool append)
{
    struct lmdb_txn *t = own(base);
    MDB_val k = val_of(key), v = val_of(value);
    int rc = mdb_put(t->txn, t->db->tables[table], &k, &v, append ? MDB_APPEND : 0);
    return answer_of("put", rc);
}

static enum err lmdb_del(struct txn *base, enum table table, struct bytes key)
{
    struct lmdb_txn *t = own(base);
    MDB_val k = val_of(key);
    return answer_of("del", mdb_del(t->txn, t->db->tables[table], &k, NULL));
}

/* The first step of a walk: LMDB can only look for a key or the one above it. */
static int first(struct walk *w, MDB_cursor *cursor, MDB_val *k, MDB_val *v)
{
    bool up = w->way == WALK_up;
    if (w->from.n == 0)
        return mdb_cursor_get(cursor, k, v, up ? MDB_FIRST : MDB_LAST);
    *k = val_of(w->from);
    int rc = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
    if (up)
        return rc;
    if (rc == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, k, v, MDB_LAST);
    if (rc == MDB_SUCCESS && !bytes_equal(bytes_of_val(*k), w->from))
        return mdb_cursor_get(cursor, k, v, MDB_PREV);
    return rc;
}

static enum err lmdb_walk(struct walk *w, struct bytes *key, struct bytes *value)
{
    struct lmdb_txn *t = own(w->txn);
    MDB_cursor *cursor = w->cursor;
    MDB_val k, v;
    int rc;
    if (t->base.gives_way && t->db->growing)
        return ERR_LATER;
    if (cursor) {
        rc = mdb_cursor_get(cursor, &k, &v, w->way == WALK_up ? MDB_NEXT : MDB_PREV);
    } else {
        rc = mdb_cursor_open(t->txn, t->db->tables[w->table], &cursor);
        if (rc)
            return answer_of("cursor", rc);
        w->cursor = cursor;
        rc = first(w, cursor, &k, &v);
    }
    if (rc)
        return answer_of("walk", rc);
    *key = bytes_of_val(k);
    *value = bytes_of_val(v);
    return ERR_OK;
}

static void lmdb_walk_end(struct walk *w)
{
    if (w->cursor)
        mdb_cursor_close(w->cursor);
}

static void lmdb_close(struct engine *e)
{
    struct lmdb *db = (struct lmdb *)e;
    for (unsigned i = 0; i < ENGINE_READERS; i++) {
        if (db->readers[i].txn)
            mdb_txn_abort(db->readers[i].txn);
        buf_fini(&db->readers[i].base.scratch);
    }
    mdb_env_close(db->env);
    pthread_rwlock_destroy(&db->reading);
    buf_fini(&db->writer.base.scratch);
    free(db->folder);
    free(db);
}

static int open_tables(struct lmdb *db)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(db->env, NULL, 0, &txn);
    for (int i = 0; rc == 0 && i < TABLE_COUNT; i++)
        rc = mdb_dbi_open(txn, table_name((enum table)i), MDB_CREATE, &db->tables[i]);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* Names must be on disk too before anything under them is acknowledged. */
static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int rc = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

static int sync_above(const char *folder)
{
    char above[PATH_MAX];
    int n = snprintf(above, sizeof above, "%s/..", folder);
    return n > 0 && (size_t)n < sizeof above ? sync_folder(above) : ENAMETOOLONG;
}

static int make_empty(const char *path)
{
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    if (rc == 0)
        rc = mdb_env_sync(env, 1);
    mdb_env_close(env);
    return rc;
}

/* Where there is no file: made under another name, and named when it is on disk. A power cut while
 * LMDB writes the first pages would leave a file that it refuses to open ever after. */
static int make_file(const char *folder)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/data.mdb", folder);
    int m = snprintf(fresh, sizeof fresh, "%s/new.mdb", folder);
    if (n < 0 || (size_t)n >= sizeof path || m < 0)
        return ENAMETOOLONG;
    if (access(path, F_OK) == 0)
        return 0;
    unlink(fresh); /* of a start that was cut short */
    int rc = make_empty(fresh);
    return rc == 0 && rename(fresh, path) != 0 ? errno : rc;
}

const char *engine_lmdb_copy(const char *folder, int fd)
{
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_open(env, folder, MDB_RDONLY, 0600);
    if (rc == 0)
        rc = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT);
    mdb_env_close(env);
    return rc ? mdb_strerror(rc) : NULL;
}

/* What the process before us wrote and could not sync any more is in the kernel's hands, and we see
 * it. It goes to disk before anything is answered from it or written over it. */
static int open_env(struct lmdb *db, const char *folder, uint64_t map_bytes)
{
    int rc = mdb_env_set_maxdbs(db->env, TABLE_COUNT);
    if (rc == 0)
        rc = mdb_env_set_mapsize(db->env, map_bytes);
    if (rc == 0)
        rc = make_file(folder);
    if (rc == 0)
        rc = mdb_env_open(db->env, folder, MDB_NOTLS, 0600);
    if (rc == 0)
        rc = mdb_env_sync(db->env, 1);
    if (rc == 0)
        rc = open_tables(db);
    if (rc == 0)
        rc = sync_folder(folder);
    if (rc == 0)
        rc = sync_above(folder);
    MDB_envinfo info = {0};
    if (rc == 0)
        rc = mdb_env_info(db->env, &info);
    db->map_bytes = info.me_mapsize;
    return rc;
}

/* Whether it may go better a moment later, with nothing changed by anybody. */
static bool passes(int rc)
{
    return rc == EIO || rc == ENOSPC || rc == EDQUOT || rc == ENOMEM || rc == EAGAIN ||
           rc == EINTR || rc == EMFILE || rc == ENFILE || rc == MDB_PANIC || rc == MDB_MAP_FULL;
}

struct engine *engine_lmdb_open(const char *folder, uint64_t map_bytes, enum err *why)
{
    struct lmdb *db = calloc(1, sizeof *db);
    ENSURE(db != NULL);
    db->base.ops = &lmdb_ops;
    db->folder = strdup(folder);
    ENSURE(db->folder != NULL);
    pthread_rwlock_init(&db->reading, NULL);
    for (unsigned i = 0; i < ENGINE_READERS; i++)
        db->readers[i] = (struct lmdb_txn){.base.ops = &lmdb_ops, .db = db};
    db->writer = (struct lmdb_txn){.base.ops = &lmdb_ops, .db = db, .write = true};
    int rc = mdb_env_create(&db->env);
    ENSURE(rc == 0);
    rc = open_env(db, folder, map_bytes);
    if (rc == 0)
        return &db->base;
    log_line("engine.open folder=%s error=\"%s\"", folder, mdb_strerror(rc));
    *why = passes(rc) ? ERR_WORLD : ERR_INVALID;
    lmdb_close(&db->base);
    return NULL;
}

void engine_lmdb_sweep(struct engine *e)
{
    int dead = 0;
    int rc = mdb_reader_check(((struct lmdb *)e)->env, &dead);
    if (rc)
        failed("sweep", rc);
    else if (dead > 0)
        log_line("engine.sweep readers=%d", dead);
}

static const struct engine_ops lmdb_ops = {
    .close = lmdb_close,
    .begin = lmdb_begin,
    .grow = lmdb_grow,
    .room = lmdb_room,
    .stats = lmdb_stats,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .again = lmdb_again,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .walk = lmdb_walk,
    .walk_end = lmdb_walk_end,
};
