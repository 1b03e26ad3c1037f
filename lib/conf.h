/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h -- settings from a table: defaults, then a ZPL file, then the environment, then options.
 *
 * Shape   a struct of the caller's; each row says where in it a setting lies and what is allowed.
 *         `limits/body_bytes` is in the file "body_bytes = N" under "limits", four spaces in, and
 *         in the environment PREFIX_LIMITS_BODY_BYTES.
 *         A section that may be repeated makes an item of a list each time, in the file's order:
 *             topic
 *                 pattern = "channel:{id}"
 * Errors  the first wrong or unknown thing, as text with file and line (or the variable) and what is
 *         allowed. Items are checked in the order of the lists when the whole file is read.
 * Source  ZPL: RFC 4/ZPL of ZeroMQ, with one level of sections. */
#pragma once

#include "lib/buf.h"

enum conf_type { CONF_str, CONF_u64, CONF_flag };

struct conf_setting {
    const char *path;
    enum conf_type type;
    size_t offset, size; /* str: a char array that takes `size` bytes with its NUL */
    uint64_t min, max;   /* u64: the number; str: its length */
    const char *standard;
    const char *help;
};

/* A section that may be repeated. Its items are in the file only. */
struct conf_list {
    const char *section, *help;
    const struct conf_setting *rows; /* paths without the section; offsets within an item */
    size_t count;
    size_t items, item_size, items_max; /* where the array lies; how many it takes */
    size_t n;                           /* where the u64 lies that counts them */
    size_t line;                        /* where in an item the u64 lies that says its line */
    /* Whether an item's settings go together, and with all the others in `out`, of which the lists
     * before this one are checked; else `why`. NULL: they do. */
    bool (*check)(void *out, void *item, struct buf *why);
};

struct conf_table {
    const char *prefix;        /* of the environment variables */
    const char *const *others; /* variables with that prefix that are no settings; ends in NULL */
    const struct conf_setting *rows;
    size_t count;
    const struct conf_list *lists;
    size_t lists_n;
};

/* Fill `out`; `file` may be NULL. False: `why` says what is wrong and where. */
bool conf_load(const struct conf_table *t, const char *file, void *out, struct buf *why);

/* Set one, as an option of the command line does. */
bool conf_set(const struct conf_table *t, const char *path, const char *value, const char *origin,
              void *out, struct buf *why);

/* Every setting with its help, default and bounds: a file that could be loaded. */
void conf_print(const struct conf_table *t, struct buf *out);
