/* SPDX-License-Identifier: Apache-2.0 */
/* items.h -- what may be done to the items of an inbox, and what an item can be: said once.
 *
 * From MARKS come what a client may push, the HTTP paths, and the rows of docs/api.md. The numbers
 * are kept in the log and in messages: append only. */
#pragma once

#include "lib/buf.h"

/*    name       by ids: push   HTTP path       all up to a pos: push  HTTP path */
#define MARKS(X)                                                                                   \
    X(read, "mark_read", "mark-read", "mark_all_read", "mark-all-read")                            \
    X(unread, "mark_unread", "mark-unread", "", "")                                                \
    X(seen, "mark_seen", "mark-seen", "mark_seen", "mark-seen")                                    \
    X(archive, "archive", "archive", "archive_all", "archive-all")                                 \
    X(unarchive, "unarchive", "unarchive", "", "")                                                 \
    X(delete, "delete", "delete", "", "")                                                          \
    X(snooze, "snooze", "snooze", "", "")                                                          \
    X(unsnooze, "unsnooze", "unsnooze", "", "")

#define AS_MARK(name, push, path, all_push, all_path) MARK_##name,
enum mark { MARKS(AS_MARK) MARK_COUNT };
#undef AS_MARK

struct mark_names {
    const char *push, *path, *all_push, *all_path; /* "": cannot be done to all */
};
extern const struct mark_names mark_names[MARK_COUNT];

/* Where an item is: what is archived or snoozed is in no count and not shown with the others. */
enum item_place { PLACE_inbox, PLACE_archive, PLACE_snoozed, PLACE_COUNT };

/* What a row says of an item besides its numbers. */
enum item_flag {
    ITEM_archived = 1,
    ITEM_snoozed = 2,
    ITEM_seen = 4,   /* by its own seeing, or because it was read once */
    ITEM_unread = 8, /* by its own marking: no mark of all made it read since */
    ITEM_muted = 16, /* stored, and in no count */
    ITEM_quiet = 32, /* it came in the quiet hours */
};

/* Why an item is gone. */
#define REMOVALS(X)                                                                                \
    X(deleted)                                                                                     \
    X(retracted)                                                                                   \
    X(evicted)
#define AS_REMOVAL(name) REMOVED_##name,
enum removed_why { REMOVALS(AS_REMOVAL) REMOVED_COUNT };
#undef AS_REMOVAL
extern const char *const removal_names[REMOVED_COUNT];

/* Why somebody is not simply shown a notification; also the name that who asks is told. */
#define WHY_NOTS(X)                                                                                \
    X(none)                                                                                        \
    X(type)                                                                                        \
    X(category)                                                                                    \
    X(topic)                                                                                       \
    X(quiet_hours)
#define AS_WHY_NOT(name) WHY_##name,
enum why_not { WHY_NOTS(AS_WHY_NOT) WHY_COUNT };
#undef AS_WHY_NOT
extern const char *const why_not_names[WHY_COUNT];

/* What became of a create in one inbox. */
#define TAKEN(X)                                                                                   \
    X(made)      /* a notification of its own */                                                   \
    X(collapsed) /* it took the place of the one with its collapse_key */                          \
    X(deduped)   /* that inbox had its dedupe_key already */
#define AS_TAKEN(name) TAKEN_##name,
enum taken { TAKEN(AS_TAKEN) TAKEN_COUNT };
#undef AS_TAKEN

/* What became of a line of an import. */
#define IMPORTS(X)                                                                                 \
    X(done)       /* it is there now */                                                            \
    X(known)      /* it was imported before, or the user has others */                             \
    X(over)       /* its end has come */                                                           \
    X(categories) /* refused: its inbox has as many as can be */                                   \
    X(snoozed)    /* refused: its inbox has as many snoozed ones as can be */                      \
    X(damaged)    /* refused: its inbox, or topic, cannot be read */
#define AS_IMPORT(name) IMPORT_##name,
enum import { IMPORTS(AS_IMPORT) IMPORT_COUNT };
#undef AS_IMPORT

/* What an update changed: bits. */
#define ITEM_FIELDS_LIST(X)                                                                        \
    X(type)                                                                                        \
    X(title)                                                                                       \
    X(body)                                                                                        \
    X(data)                                                                                        \
    X(category)                                                                                    \
    X(expires_at)                                                                                  \
    X(pos)                                                                                         \
    X(read_at)
#define AS_FIELD(name) FIELD_NO_##name,
enum item_field { ITEM_FIELDS_LIST(AS_FIELD) ITEM_FIELDS_COUNT };
#undef AS_FIELD
extern const char *const item_field_names[ITEM_FIELDS_COUNT];
