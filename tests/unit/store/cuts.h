/* SPDX-License-Identifier: Apache-2.0 */
/* cuts.h -- the disk that the rows of disk.so tell of, and what a power cut leaves of it.
 *
 * The idea: `cache` is what the kernel shows, `disk` what is there for certain. Where a sector is
 * dirty the disk may have either, in any order. A sector is written wholly or not at all; more is not
 * asked of a disk. */
#pragma once

#include "tests/preload/disk.h"
#include "tests/unit/store/process.h"

enum { SECTOR = 512, FILE_BYTES = 16 << 20 /* more than data.mdb ever becomes here */ };

struct file {
    char *bytes;
    size_t n;
};

static struct model {
    uint64_t dice;
    struct file cache, disk, cut;
    struct disk_row last; /* written */
    bool dirty[FILE_BYTES / SECTOR];
    enum { UNNAMED, PERHAPS, NAMED } name;
} model;

static inline uint64_t roll(uint64_t sides)
{
    model.dice ^= model.dice << 13;
    model.dice ^= model.dice >> 7;
    model.dice ^= model.dice << 17;
    return model.dice % sides;
}

/* The row at `at`, which moves behind it; false at the end. */
static inline bool row_next(struct bytes trace, size_t *at, struct disk_row *row,
                            struct bytes *data)
{
    if (*at == trace.n)
        return false;
    memcpy(row, trace.p + *at, sizeof *row);
    *data = (struct bytes){trace.p + *at + sizeof *row, row->n};
    *at += sizeof *row + row->n;
    return true;
}

static inline struct file file_new(void)
{
    struct file f = {calloc(1, FILE_BYTES), 0};
    assert_non_null(f.bytes);
    return f;
}

static inline void model_new(void)
{
    model.cache = file_new();
    model.disk = file_new();
    model.cut = file_new();
}

static inline void put(struct file *f, uint64_t at, struct bytes data)
{
    assert_true(at + data.n <= FILE_BYTES);
    memcpy(f->bytes + at, data.p, data.n);
    if (at + data.n > f->n)
        f->n = at + data.n;
}

static inline void written(uint64_t at, struct bytes data)
{
    for (uint64_t i = at / SECTOR; i * SECTOR < at + data.n; i++)
        model.dirty[i] = true;
    put(&model.cache, at, data);
}

static inline void sector_copy(struct file *to, const struct file *from, uint64_t sector)
{
    uint64_t at = sector * SECTOR, n = from->n > at ? from->n - at : 0;
    put(to, at, (struct bytes){from->bytes + at, n < SECTOR ? n : SECTOR});
}

/* From one sector to another: these are on disk now. */
static inline void synced(uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        if (model.dirty[i]) {
            sector_copy(&model.disk, &model.cache, i);
            model.dirty[i] = false;
        }
}

/* A sync failed: each of them is on disk or not, and the kernel takes it for clean. */
static inline void half_synced(void)
{
    for (uint64_t i = 0; i < FILE_BYTES / SECTOR; i++)
        if (model.dirty[i]) {
            if (roll(2))
                sector_copy(&model.disk, &model.cache, i);
            model.dirty[i] = false;
        }
}

/* A new process finds the cache of the old one. */
static inline void opened(struct bytes data)
{
    assert_true(data.n >= model.cache.n);
    for (uint64_t i = 0; i * SECTOR < data.n; i++)
        if (memcmp(model.cache.bytes + i * SECTOR, data.p + i * SECTOR, SECTOR) != 0)
            written(i * SECTOR, (struct bytes){data.p + i * SECTOR, SECTOR});
}

static inline void apply(const struct disk_row *row, struct bytes data)
{
    uint64_t all = FILE_BYTES / SECTOR;
    switch ((enum disk_row_kind)row->kind) {
    case DISK_opened:
        opened(data);
        break;
    case DISK_written:
        written(row->at, data);
        model.last = *row;
        break;
    case DISK_syncing:
        break;
    case DISK_synced:
        synced(0, all);
        break;
    case DISK_written_synced:
        synced(model.last.at / SECTOR, (model.last.at + model.last.n + SECTOR - 1) / SECTOR);
        break;
    case DISK_sync_failed:
        half_synced();
        break;
    case DISK_named:
        model.name = PERHAPS;
        break;
    case DISK_name_synced:
        model.name = model.name == UNNAMED ? UNNAMED : NAMED;
        break;
    case DISK_heard:
        break;
    case DISK_ROW_COUNT:
        fail();
    }
}

/* What a power cut now leaves: nothing of the dirty sectors, all, each by the dice, those in front,
 * or those behind. */
static inline void cut(void)
{
    enum { NOTHING, ALL, EACH, FRONT, BEHIND, WAYS };
    uint64_t way = roll(WAYS), count = 0, seen = 0;
    model.cut.n = 0;
    put(&model.cut, 0, (struct bytes){model.disk.bytes, model.disk.n});
    if (roll(2)) /* the size may have come to the disk, and what is in it not */
        model.cut.n = model.cache.n;
    memset(model.cut.bytes + model.disk.n, roll(2) ? 0 : 0xa5, FILE_BYTES - model.disk.n);
    for (uint64_t i = 0; i < FILE_BYTES / SECTOR; i++)
        count += model.dirty[i];
    uint64_t edge = count ? roll(count + 1) : 0;
    for (uint64_t i = 0; i < FILE_BYTES / SECTOR; i++) {
        if (!model.dirty[i])
            continue;
        if (way == ALL || (way == EACH && roll(2)) || (way == FRONT && seen < edge) ||
            (way == BEHIND && seen >= edge))
            sector_copy(&model.cut, &model.cache, i);
        seen++;
    }
}

static inline void file_make(const char *folder, const char *name, struct bytes data)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data.p, data.n), (ssize_t)data.n);
    close(fd);
}

/* A data folder with this disk's file in it. */
static inline void disk_make(const char *folder)
{
    char store[120];
    nftw(folder, process_unlink, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(store, sizeof store, "%s/store", folder);
    assert_int_equal(mkdir(store, 0700), 0);
    bool named = model.name == NAMED || (model.name == PERHAPS && roll(2));
    file_make(store, named ? "data.mdb" : "new.mdb", (struct bytes){model.cut.bytes, model.cut.n});
    if (roll(2)) { /* nobody syncs it: anything may be in it */
        char lock[8192];
        for (size_t i = 0; i < sizeof lock; i++)
            lock[i] = (char)roll(256);
        file_make(store, "lock.mdb", (struct bytes){lock, sizeof lock});
    }
}
