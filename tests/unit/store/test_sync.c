/* SPDX-License-Identifier: Apache-2.0 */
/* A commit that returned is on disk. kill -9 cannot show that, as the kernel keeps what was written;
 * so this program has its own fdatasync(), which LMDB meets in place of the C library's. */
#include "store/engine_lmdb.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned syncs;
static int fails; /* errno of the next ones; 0: they succeed */

int fdatasync(int fd)
{
    syncs++;
    if (fails) {
        errno = fails;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static char folder[] = "/tmp/bs.XXXXXX";

static struct engine *open_engine(void)
{
    enum err why;
    struct engine *e = engine_lmdb_open(folder, 1 << 20, &why);
    assert_non_null(e);
    syncs = 0;
    return e;
}

static enum err put(struct engine *e, const char *key)
{
    struct txn *t = NULL;
    assert_int_equal(engine_write(e, &t), ERR_OK);
    txn_put(t, TABLE_log, bytes_of(key), BYTES("value"));
    return txn_commit(&t);
}

static void each_commit_is_synced_before_it_returns(void **state)
{
    (void)state;
    struct engine *e = open_engine();
    for (unsigned n = 1; n <= 3; n++) {
        char key[] = {(char)('a' + n), '\0'};
        assert_int_equal(put(e, key), ERR_OK);
        assert_int_equal(syncs, n);
    }
    engine_close(&e);
}

static void a_sync_that_fails_is_a_commit_that_failed(void **state)
{
    (void)state;
    struct engine *e = open_engine();
    fails = EIO;
    assert_int_equal(put(e, "never"), ERR_WORLD);
    fails = 0;
    engine_close(&e);
    e = open_engine();
    struct txn *t = NULL;
    struct bytes value;
    assert_int_equal(engine_read(e, &t), ERR_OK);
    assert_int_equal(txn_get(t, TABLE_log, BYTES("never"), &value), ERR_NOT_FOUND);
    txn_abort(&t);
    engine_close(&e);
}

/* What the process before left is synced first: a disk that fails then may be well a moment later. Found by
 * the soak: the store stayed down. */
static void an_open_that_fails_for_the_disk_may_be_tried_again(void **state)
{
    (void)state;
    static const int disks[] = {EIO, ENOSPC, EDQUOT};
    enum err why = ERR_OK;
    struct engine *e = open_engine();
    engine_close(&e);
    for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
        fails = disks[i];
        assert_null(engine_lmdb_open(folder, 1 << 20, &why));
        assert_int_equal(why, ERR_WORLD);
    }
    fails = 0;
    e = open_engine();
    engine_close(&e);
    char path[64];
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    FILE *f = fopen(path, "w"); /* and this is no database */
    assert_non_null(f);
    for (int i = 0; i < 10000; i++)
        fputs("nonsense", f);
    fclose(f);
    assert_null(engine_lmdb_open(folder, 1 << 20, &why));
    assert_int_equal(why, ERR_INVALID);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/bs.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char path[64];
    (void)state;
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock.mdb", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"R22: each commit is synced before it returns", each_commit_is_synced_before_it_returns,
         setup, teardown, NULL},
        {"R22: a sync that fails is a commit that failed",
         a_sync_that_fails_is_a_commit_that_failed, setup, teardown, NULL},
        cmocka_unit_test_setup_teardown(an_open_that_fails_for_the_disk_may_be_tried_again, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
