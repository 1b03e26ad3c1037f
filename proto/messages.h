/* SPDX-License-Identifier: Apache-2.0 */
/* messages.h -- every message between processes, said once.
 *
 * From MESSAGES come the structs, the union, encode, decode, the limits, the names in logs, the
 * page docs/protocol.md, and the test that fails when a message has no golden vector.
 *
 * On the wire: a MessagePack array, id first, fields in order. A ZeroMQ message carries one or
 * more, back to back. New fields go at the end (a reader skips those it does not know); an id is
 * never used again.
 *
 *     u64   a number
 *     str   UTF-8 text of at most `limit` bytes
 *     bin   at most `limit` bytes
 *     list  a MessagePack array of at most `limit` elements: of messages, or of str where said
 *
 * A decoded str, bin or list points into the message and dies with it.
 *
 * A request has `req`, chosen by who asks and repeated in the answer, and `ttl_ms`: who receives it
 * later than that after it was sent need not answer. `status` is an enum err. */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"
#include "proto/limits.h"
#include "proto/mp.h"

struct mp_list {
    struct bytes raw; /* the elements, back to back */
    uint32_t count;
};

#define ASK(F)                                                                                     \
    F(u64, req, 0, "the asker's number for this request; answers repeat it")                       \
    F(u64, ttl_ms, 0, "how long the asker will wait")
#define ANSWER(F)                                                                                  \
    F(u64, req, 0, "the request that this answers")                                                \
    F(u64, status, 0, "OK, or why not")
#define INBOX_STATE(F)                                                                             \
    F(u64, seq, 0, "the inbox's head: what this answer is true at")                                \
    F(u64, unread, 0, "unread count at `seq`")

/* What the store keeps of a change, and everything that its broadcast needs. */
#define ENTRY_FIELDS(F)                                                                            \
    F(u64, seq, 0, "position in the log")                                                          \
    F(u64, prev, 0, "the topic's position before it; 0: none")                                     \
    F(str, topic, TOPIC_MAX, "the topic it concerns")                                              \
    F(u64, kind, 0, "enum entry_kind")                                                             \
    F(u64, at_ms, 0, "wall clock of the commit")                                                   \
    F(u64, unread, 0, "the inbox's unread count at `seq`")                                         \
    F(u64, type, 0, "created: enum notification_type")                                             \
    F(u64, pos, 0, "created: position in the feed; all_read: up to and with it")                   \
    F(u64, expires_ms, 0, "created: wall clock of its end; 0: none; scheduled: of its delivery")   \
    F(str, content, CONTENT_MAX,                                                                   \
      "created: JSON object: type, title, body, data; message: payload")                           \
    F(bin, ids, IDS_MAX * 16,                                                                      \
      "whose they are: 16 bytes each; all_read: of those that stay unread")                        \
    F(str, op_id, KEY_MAX, "the op_id it was asked with, or empty")                                \
    F(str, event, EVENT_MAX, "message: its event; its payload is `content`")                       \
    F(str, user, USER_MAX, "message: who published it; empty: a back end")                         \
    F(u64, log_bytes, 0, "of all entries before it")                                               \
    F(u64, unseen, 0, "the inbox's unseen count at `seq`")                                         \
    F(u64, what, 0,                                                                                \
      "removed: enum removed_why; updated, revised: bits of enum item_field; all_archived: 1: "    \
      "read ones")                                                                                 \
    F(u64, until_ms, 0, "snoozed: wall clock of its end")                                          \
    F(str, category, CATEGORY_MAX, "all_read: only of this one; empty: of all")                    \
    F(list, items, 1, "updated, resurfaced: the item as it is from here on")                       \
    F(list, tallies, CATEGORIES_MAX, "tally: of the categories whose counts it changed")           \
    F(u64, body, 0, "created: seq of the broadcast that has its content; 0: itself")               \
    F(u64, flags, 0, "created: enum item_flag")                                                    \
    F(u64, born_ms, 0, "created: wall clock of its insertion, if not `at_ms`; 0: `at_ms`")         \
    F(u64, nth, 0,                                                                                 \
      "created, and updated by a create's collapse_key: how many of that create stand before it")

#define ITEM_FIELDS(F)                                                                             \
    F(u64, pos, 0, "position in the feed")                                                         \
    F(u64, at_ms, 0, "wall clock of its commit")                                                   \
    F(u64, rev, 0, "seq of its last change")                                                       \
    F(u64, type, 0, "enum notification_type")                                                      \
    F(u64, read_ms, 0, "wall clock of its reading; 0: unread")                                     \
    F(u64, expires_ms, 0, "wall clock of its end; 0: none")                                        \
    F(str, content, CONTENT_MAX, "JSON object: type, title, body, data")                           \
    F(u64, birth, 0, "the pos in its id, when it has moved since; 0: pos")                         \
    F(u64, flags, 0, "enum item_flag")                                                             \
    F(u64, until_ms, 0, "snoozed: wall clock of its end")

#define CREATE_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(list, users, USERS_MAX, "str: whose inboxes, each once")                                     \
    F(u64, type, 0, "enum notification_type; a stored one")                                        \
    F(u64, expires_ms, 0, "wall clock of its end; 0: none")                                        \
    F(str, content, CONTENT_MAX, "JSON object: type, title, body, data")                           \
    F(str, key, KEY_MAX, "idempotency key, or empty")                                              \
    F(bin, body_hash, 16, "of the request as it came: the same key must bring the same")           \
    F(u64, deliver_ms, 0, "wall clock when it is to be done; 0: now")                              \
    F(str, category, CATEGORY_MAX, "or empty; also in `content`")                                  \
    F(str, collapse_key, KEY_MAX, "or empty: takes the place of the item with the same one")       \
    F(str, dedupe_key, KEY_MAX,                                                                    \
      "or empty: whose inbox had it within the window keeps what it has")                          \
    F(u64, all, 0, "1: instead of `users`: every known one")                                       \
    F(u64, new_too, 0, "all: 1: also who becomes known later")                                     \
    F(str, topic, TOPIC_MAX, "instead of `users`: its members; or empty")
#define CREATED_FIELDS(F)                                                                          \
    ANSWER(F)                                                                                      \
    F(u64, first_seq, 0,                                                                           \
      "seq and pos of the first user's, the others follow by one; scheduled: of that")             \
    F(u64, count, 0, "how many")                                                                   \
    F(u64, at_ms, 0, "wall clock of the commit")                                                   \
    F(u64, deliver_ms, 0, "wall clock when it will be done; 0: it is done")                        \
    F(bin, why_not, USERS_MAX,                                                                     \
      "enum why_not, a byte for each user; empty: all are shown. What is not kept has no seq")     \
    F(u64, muted_kept, 0, "1: what is muted is kept")                                              \
    F(bin, taken, USERS_MAX,                                                                       \
      "enum taken, a byte for each user; empty: all were made. What is deduped has no seq")        \
    F(bin, ids, USERS_MAX * 16, "of each user's, where there is a `taken`")

/* A create is carried out as if it counted, and undone. */
#define TRY_FIELDS(F)                                                                              \
    ASK(F)                                                                                         \
    F(list, create, 1, "the create")
#define TRIED_FIELDS(F)                                                                            \
    ANSWER(F)                                                                                      \
    F(u64, repeated, 0, "1: its key is known, and it would be answered as the first time")         \
    F(bin, why_not, USERS_MAX, "enum why_not, a byte for each user; empty: all would be shown")    \
    F(u64, muted_kept, 0, "1: what is muted would be kept")                                        \
    F(bin, taken, USERS_MAX, "enum taken, a byte for each user; empty: all would be made")         \
    F(bin, evicts, USERS_MAX, "how many would give way, a byte for each user; empty: none")        \
    F(u64, members, 0, "of the topic")

/* By the id that its publishing was answered with. */
#define UNPUBLISH_FIELDS(F)                                                                        \
    ASK(F)                                                                                         \
    F(bin, id, 16, "the publish")
#define UNPUBLISHED_FIELDS(F)                                                                      \
    ANSWER(F)                                                                                      \
    F(u64, seq, 0, "of what was written for it")                                                   \
    F(u64, count, 0,                                                                               \
      "notifications that are gone or changed by it; the others when their inbox is next touched")

/* Other content in the place of what is there of it, by the same id. */
#define REVISE_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(bin, id, 16, "the publish")                                                                  \
    F(str, content, CONTENT_MAX,                                                                   \
      "JSON object: what is to be other of title, body, data, category (null: none)")              \
    F(u64, what, 0, "bits of enum item_field; what is not among them stays")                       \
    F(u64, expires_ms, 0, "wall clock of its end; 0: none")                                        \
    F(str, category, CATEGORY_MAX, "or empty; also in `content`")                                  \
    F(str, key, KEY_MAX, "idempotency key, or empty")                                              \
    F(bin, body_hash, 16, "the same key must bring the same")

/* Answered OK when the asked process is past it, LATER when it is not in time. */
#define PASS_FIELDS(F)                                                                             \
    ASK(F)                                                                                         \
    F(u64, seq, 0, "a position of the log")
#define PASSED_FIELDS(F) ANSWER(F)

#define ERASE_FIELDS(F)                                                                            \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "of whom nothing is to stay")
#define ERASURE_FIELDS(F)                                                                          \
    ASK(F)                                                                                         \
    F(u64, erasure, 0, "what it is known by")
#define ERASING_FIELDS(F)                                                                          \
    ANSWER(F)                                                                                      \
    F(u64, erasure, 0, "what it is known by")                                                      \
    F(u64, done, 0, "1: nothing of it is left to do")

/* What a user wants to be told. */
#define PREFERENCES(F)                                                                             \
    F(u64, types, 0, "muted: bits of enum notification_type")                                      \
    F(list, categories, MUTES_MAX, "str: muted")                                                   \
    F(list, topics, MUTES_MAX, "str: muted")                                                       \
    F(u64, quiet, 0, "1: there are quiet hours")                                                   \
    F(u64, from_min, 0, "minute of the day when they begin")                                       \
    F(u64, to_min, 0, "and end")                                                                   \
    F(str, zone, 64, "by the clocks of this time zone")                                            \
    F(u64, allow, 0, "bits of the types that are not quiet then")
#define PREFS_PUT_FIELDS(F)                                                                        \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "whose")                                                                \
    PREFERENCES(F)
#define PREFS_GET_FIELDS(F)                                                                        \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "whose")
#define PREFS_FIELDS(F)                                                                            \
    ANSWER(F)                                                                                      \
    PREFERENCES(F)

/* Who would get it, and who not? */
#define ASSESS_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(list, users, USERS_MAX, "str")                                                               \
    F(u64, type, 0, "enum notification_type")                                                      \
    F(str, category, CATEGORY_MAX, "or empty")
#define ASSESSED_FIELDS(F)                                                                         \
    ANSWER(F)                                                                                      \
    F(bin, why_not, USERS_MAX, "enum why_not, a byte for each user")

/* What there is of a user besides preferences and notifications. */
#define ABOUT_FIELDS(F)                                                                            \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "about whom")                                                           \
    F(str, after, TOPIC_MAX, "memberships behind this topic; empty: from the first")               \
    F(u64, limit, 0, "how many of them")
#define ABOUT_USER_FIELDS(F)                                                                       \
    ANSWER(F)                                                                                      \
    F(u64, known, 0, "1: has an inbox")                                                            \
    F(u64, seen_ms, 0, "wall clock when last connected; 0: never")                                 \
    F(list, topics, USERS_MAX, "str: a member of these")                                           \
    F(str, next, TOPIC_MAX, "`after` of the next page; empty: none")                               \
    F(u64, now_ms, 0, "the store's wall clock")
/* Of a revocation: one of the two is empty. */
#define REVOKED_WHAT(F)                                                                            \
    F(str, jti, JTI_MAX, "the token of this jti")                                                  \
    F(str, user, USER_MAX, "or this user's tokens from before `before_s`")                         \
    F(u64, before_s, 0, "seconds since 1970")                                                      \
    F(u64, until_s, 0, "when it may be forgotten: no such token is good any more")
#define REVOKE_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    REVOKED_WHAT(F)
#define REVOKED_FIELDS(F)                                                                          \
    ANSWER(F)                                                                                      \
    F(u64, number, 0, "of the revocation: rising")
#define REVOCATIONS_FIELDS(F)                                                                      \
    ASK(F)                                                                                         \
    F(u64, since, 0, "those after this number")                                                    \
    F(u64, epoch, 0, "that `since` belongs to; another one: from the first")
#define REVOCATION_LIST_FIELDS(F)                                                                  \
    ANSWER(F)                                                                                      \
    F(u64, epoch, 0, "of the store")                                                               \
    F(u64, to, 0, "the asker knows those up to here")                                              \
    F(u64, more, 0, "1: there are more after `to`")                                                \
    F(list, revocations, CHANGES_MAX, "revocation: oldest first")
#define REVOCATION_FIELDS(F) REVOKED_WHAT(F)

#define MARK_FIELDS(F)                                                                             \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "whose inbox")                                                          \
    F(u64, what, 0, "enum mark")                                                                   \
    F(bin, ids, IDS_MAX * 16, "16-byte ids, back to back")                                         \
    F(u64, until_ms, 0, "snooze: wall clock of its end")                                           \
    F(u64, observed_seq, 0, "the newest seq that the asker knew; all ones: as it is now")          \
    F(str, op_id, KEY_MAX, "or empty")                                                             \
    F(bin, body_hash, 16, "the same op_id must bring the same")
#define MARK_ALL_FIELDS(F)                                                                         \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "whose inbox")                                                          \
    F(u64, what, 0, "enum mark; one that can be done to all")                                      \
    F(u64, up_to, 0, "highest pos to mark; all ones: the newest when it is done")                  \
    F(str, category, CATEGORY_MAX, "read: only of this one; empty: of all")                        \
    F(u64, only_read, 0, "archive: 1: those that are read")                                        \
    F(u64, observed_seq, 0, "the newest seq that the asker knew; all ones: as it is now")          \
    F(str, op_id, KEY_MAX, "or empty")                                                             \
    F(bin, body_hash, 16, "the same op_id must bring the same")
#define UPDATE_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "whose inbox")                                                          \
    F(bin, id, 16, "of the item; NOT_FOUND when this inbox has none of it (any more)")             \
    F(u64, rev, 0, "of the item that this was made of; LATER when it is another by now")           \
    F(u64, expires_ms, 0, "wall clock of its end; 0: none")                                        \
    F(str, content, CONTENT_MAX, "JSON object: type, title, body, data")                           \
    F(str, category, CATEGORY_MAX, "or empty; also in `content`")                                  \
    F(u64, what, 0, "what is changed: bits of enum item_field")                                    \
    F(str, op_id, KEY_MAX, "or empty")                                                             \
    F(bin, body_hash, 16, "the same op_id must bring the same")
#define CHANGED_FIELDS(F)                                                                          \
    ANSWER(F)                                                                                      \
    INBOX_STATE(F)                                                                                 \
    F(u64, up_to, 0, "mark_all: what it was done up to")                                           \
    F(bin, changed, IDS_MAX * 16, "mark: ids that are changed by it")                              \
    F(bin, unknown, IDS_MAX * 16, "mark: ids that this inbox does not have (any more)")            \
    F(u64, unseen, 0, "unseen count at `seq`")

/* What stood somewhere else: a notification, as it was there. */
#define IMPORT_ITEM_FIELDS(F)                                                                      \
    F(str, user, USER_MAX, "whose inbox")                                                          \
    F(str, id, KEY_MAX, "its name where it stood; each name is imported once into an inbox")       \
    F(u64, type, 0, "enum notification_type; a stored one")                                        \
    F(u64, at_ms, 0, "wall clock of its insertion; 0: now")                                        \
    F(u64, read_ms, 0, "wall clock of its reading; 0: unread")                                     \
    F(u64, expires_ms, 0, "wall clock of its end; 0: none")                                        \
    F(u64, until_ms, 0, "snoozed: wall clock of its end; 0: it is not")                            \
    F(u64, flags, 0, "enum item_flag: archived, seen, muted, quiet")                               \
    F(str, content, CONTENT_MAX, "JSON object: type, title, body, data")                           \
    F(str, category, CATEGORY_MAX, "or empty; also in `content`")
#define IMPORT_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(list, lines, IMPORT_MAX,                                                                     \
      "import_item; member; prefs_put, which is taken where the user has none")
#define IMPORTED_FIELDS(F)                                                                         \
    ANSWER(F)                                                                                      \
    F(bin, done, IMPORT_MAX, "enum import, a byte for each line")

#define EXPIRE_FIELDS(F) ASK(F)
#define EXPIRED_FIELDS(F)                                                                          \
    ANSWER(F)                                                                                      \
    F(u64, next_in_ms, 0, "until the next one ends; all ones: none waits")

#define SNAPSHOT_FIELDS(F)                                                                         \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "whose inbox")                                                          \
    F(u64, before, 0, "items with a lower pos; 0: from the newest")                                \
    F(u64, limit, 0, "items; 0: only the counts")                                                  \
    F(u64, status, 0, "0: all; 1: unread; 2: read")                                                \
    F(u64, place, 0, "enum item_place")                                                            \
    F(u64, type, 0, "0: any; else enum notification_type and one")                                 \
    F(str, category, CATEGORY_MAX, "only of this one; empty: any")                                 \
    F(u64, oldest_first, 0, "1: from the oldest on; `before`, `next`: those of a higher pos")
#define GET_FIELDS(F)                                                                              \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "whose inbox")                                                          \
    F(bin, id, 16, "of the item; NOT_FOUND when this inbox has none of it (any more)")
#define INBOX_FIELDS(F)                                                                            \
    ANSWER(F)                                                                                      \
    INBOX_STATE(F)                                                                                 \
    F(u64, log_seq, 0, "the log's head when it was read")                                          \
    F(u64, epoch, 0, "of the log")                                                                 \
    F(u64, now_ms, 0, "the store's wall clock")                                                    \
    F(u64, next, 0, "`before` of the page behind this one; 0: there is none")                      \
    F(list, items, PAGE_MAX, "item: newest first")                                                 \
    F(u64, unseen, 0, "unseen count at `seq`")                                                     \
    F(list, by_type, TYPES_MAX, "tally: of each stored type")                                      \
    F(list, by_category, CATEGORIES_MAX, "tally: of each category that has an item")
#define TALLY_FIELDS(F)                                                                            \
    F(str, name, CATEGORY_MAX, "of a type or category")                                            \
    F(u64, unread, 0, "")                                                                          \
    F(u64, unseen, 0, "of a category")

#define SINCE_FIELDS(F)                                                                            \
    ASK(F)                                                                                         \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(u64, since, 0, "entries after this seq of the topic")                                        \
    F(u64, epoch, 0, "the epoch that `since` belongs to; 0: the present one")                      \
    F(str, member, USER_MAX, "must be a member of the topic, else FORBIDDEN; empty: need not")
#define CHANGES_FIELDS(F)                                                                          \
    ANSWER(F)                                                                                      \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(u64, head, 0, "the topic's newest seq; the entries reach up to it")                          \
    F(u64, epoch, 0, "of the log")                                                                 \
    F(u64, now_ms, 0, "the store's wall clock")                                                    \
    F(u64, unread, 0, "the inbox's unread count at `head`")                                        \
    F(list, entries, CHANGES_MAX, "entry: oldest first, none left out")                            \
    F(u64, unseen, 0, "the inbox's unseen count at `head`")

#define HEADS_SINCE_FIELDS(F)                                                                      \
    ASK(F)                                                                                         \
    F(u64, from, 0, "topics that changed after this position of the log; all ones: none, but `to`")
#define HEADS_FIELDS(F)                                                                            \
    ANSWER(F)                                                                                      \
    F(u64, from, 0, "exclusive")                                                                   \
    F(u64, to, 0, "inclusive: every topic that changed between is in the list")                    \
    F(list, topics, CHANGES_MAX, "head")
#define HEAD_FIELDS(F)                                                                             \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(u64, seq, 0, "its newest seq, up to `to`")

#define FOLLOW_FIELDS(F)                                                                           \
    F(u64, after, 0, "the log after this position; all ones: after the notifier's kept one")       \
    F(u64, window, 0, "entries on the way, at most")                                               \
    F(u64, asked, 0, "the follower's number for this; the tails that it leads to repeat it")
#define TAIL_FIELDS(F)                                                                             \
    F(u64, from, 0, "exclusive: the `to` of the tail before")                                      \
    F(u64, to, 0, "inclusive")                                                                     \
    F(list, entries, CHANGES_MAX, "entry: every one between")                                      \
    F(u64, asked, 0, "the number of the follow that this answers")
#define FOLLOWED_FIELDS(F)                                                                         \
    F(u64, to, 0, "published up to here: so much of the window is free again")                     \
    F(u64, keep, 0, "1: keep it as the notifier's position, for after a restart")

#define CHECK_FIELDS(F)                                                                            \
    ASK(F)                                                                                         \
    F(str, after, TOPIC_MAX, "topics after this one, in their order; empty: from the first")       \
    F(u64, limit, 0, "items to look at, about")
#define CHECKED_FIELDS(F)                                                                          \
    ANSWER(F)                                                                                      \
    F(str, next, TOPIC_MAX, "`after` of the next request; empty: all done")                        \
    F(u64, inboxes, 0, "recounted")                                                                \
    F(u64, items, 0, "looked at")                                                                  \
    F(list, drifts, CHANGES_MAX, "drift: what does not agree")
#define DRIFT_FIELDS(F)                                                                            \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(str, what, 64, "which count or chain")                                                       \
    F(u64, kept, 0, "what the store has")                                                          \
    F(u64, found, 0, "what a recount gives")                                                       \
    F(u64, head, 0, "the topic's newest seq, then")                                                \
    F(u64, category, 0, "whose row it is a number of; 0: the topic's own")                         \
    F(u64, number, 0, "which one, from 1; 0: none that `found` puts right")

/* The store's own, of what its auditor found: nobody asks for it, and it has no answer. */
#define REPAIR_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(list, drifts, CHANGES_MAX, "drift: all of one topic")

/* Topics. The limits of a topic's history come with each publish: the store knows no classes. */
#define PUBLISH_FIELDS(F)                                                                          \
    ASK(F)                                                                                         \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(str, event, EVENT_MAX, "")                                                                   \
    F(str, payload, CONTENT_MAX, "JSON object")                                                    \
    F(str, user, USER_MAX, "who publishes; empty: a back end")                                     \
    F(u64, members_only, 0, "1: `user` must be a member, else FORBIDDEN")                          \
    F(u64, history, 0, "messages to keep, this one included")                                      \
    F(u64, history_ms, 0, "how long they are kept; 0: no limit but `history`")                     \
    F(str, key, KEY_MAX, "idempotency key, or empty")                                              \
    F(bin, body_hash, 16, "the same key must bring the same")
#define PUBLISHED_FIELDS(F)                                                                        \
    ANSWER(F)                                                                                      \
    F(u64, seq, 0, "its position")                                                                 \
    F(u64, at_ms, 0, "wall clock of the commit")

#define HISTORY_FIELDS(F)                                                                          \
    ASK(F)                                                                                         \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(u64, before, 0, "messages with a lower seq; 0: from the newest")                             \
    F(u64, limit, 0, "messages; 0: none, only where the topic stands")                             \
    F(str, member, USER_MAX, "must be a member of the topic, else FORBIDDEN; empty: need not")
#define PAGE_FIELDS(F)                                                                             \
    ANSWER(F)                                                                                      \
    F(u64, seq, 0, "the topic's head: what this answer is true at; 0: nothing ever came")          \
    F(u64, epoch, 0, "of the log")                                                                 \
    F(u64, now_ms, 0, "the store's wall clock")                                                    \
    F(u64, next, 0, "`before` of the page behind this one; 0: there is none")                      \
    F(list, entries, PAGE_MAX, "entry: newest first")

#define MEMBER_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(u64, add, 0, "1: make them members; 0: no more")                                             \
    F(list, users, USERS_MAX, "str: each once; being so already is no change")
#define MEMBERED_FIELDS(F)                                                                         \
    ANSWER(F)                                                                                      \
    F(u64, changed, 0, "how many were not so before")                                              \
    F(u64, members, 0, "of the topic now")
#define MEMBERS_FIELDS(F)                                                                          \
    ASK(F)                                                                                         \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(str, after, USER_MAX,                                                                        \
      "members after this one, in the order of their bytes; empty: from the first")                \
    F(u64, limit, 0, "at most USERS_MAX")
#define MEMBER_LIST_FIELDS(F)                                                                      \
    ANSWER(F)                                                                                      \
    F(list, users, USERS_MAX, "str")                                                               \
    F(str, next, USER_MAX, "`after` of the next request; empty: that was all")                     \
    F(u64, members, 0, "of the topic")

/* A committed message becomes a notification for each member but its author: in pages, each one
 * commit with its cursor, so that a kill at any point neither skips nor doubles anyone. */
#define FANOUT_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(u64, source, 0, "seq of the message")                                                        \
    F(u64, rule, 0, "which rule; begun once for each source and rule")                             \
    F(str, topic, TOPIC_MAX, "whose members")                                                      \
    F(str, author, USER_MAX, "who gets none; may be empty")                                        \
    F(u64, type, 0, "enum notification_type; a stored one")                                        \
    F(str, content, CONTENT_MAX, "as of create")
#define FANOUT_STEP_FIELDS(F)                                                                      \
    ASK(F)                                                                                         \
    F(u64, source, 0, "of one that was begun")                                                     \
    F(u64, rule, 0, "")                                                                            \
    F(u64, limit, 0, "members of this page")
#define FANNED_FIELDS(F)                                                                           \
    ANSWER(F)                                                                                      \
    F(u64, made, 0, "notifications of this page")                                                  \
    F(u64, done, 0, "1: every member has had its own")
#define FANOUTS_FIELDS(F) ASK(F)
#define FANOUT_LIST_FIELDS(F)                                                                      \
    ANSWER(F)                                                                                      \
    F(list, fanouts, CHANGES_MAX,                                                                  \
      "fanout_step: those that were begun and are not done; req and limit 0")

#define SEEN_FIELDS(F)                                                                             \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "was connected until now")
#define USER_FIELDS(F)                                                                             \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "")
#define USER_INFO_FIELDS(F)                                                                        \
    ANSWER(F)                                                                                      \
    F(u64, seen_ms, 0, "wall clock when it was last connected; 0: never")

#define BROADCAST_FIELDS(F)                                                                        \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(u64, seq, 0, "0: transient: neither kept nor numbered")                                      \
    F(u64, prev, 0, "the topic's seq before it")                                                   \
    F(u64, pos, 0, "of the item it brings; 0: none")                                               \
    F(str, event, EVENT_MAX, "the Phoenix event")                                                  \
    F(str, payload, FRAME_MAX, "JSON object, as the client gets it")                               \
    F(str, except, 64, "the connection that does not get it; empty: all do")                       \
    F(u64, binary, 0, "1: `data` is the payload; sockets get it, long-polls cannot")               \
    F(bin, data, FRAME_MAX, "")
#define CONFIRMED_FIELDS(F)                                                                        \
    F(str, name, 64, "the confirmation that was subscribed to: all subscriptions before it hold")

#define POLL_FIELDS(F)                                                                             \
    ASK(F)                                                                                         \
    F(u64, slot, 0, "from the token: which long-poll session")                                     \
    F(u64, generation, 0, "from the token: which of those that had this slot")                     \
    F(u64, cursor, 0, "from the token: batches that the client has")                               \
    F(u64, post, 0, "0: a GET that waits; 1: a POST that brings")                                  \
    F(u64, ndjson, 0, "POST: 1: lines; 0: one message")                                            \
    F(bin, body, 1 << 20, "POST: as it came")
#define POLLED_FIELDS(F)                                                                           \
    ANSWER(F)                                                                                      \
    F(str, body, TEXT_MAX, "the JSON body to answer with")
#define POLL_GONE_FIELDS(F)                                                                        \
    F(u64, req, 0, "the poll whose client has left")                                               \
    F(u64, slot, 0, "its long-poll session")

/* Presence. An owner is a session process: `owner` is its instance, which says when it
 * began (a later one has a higher number), `index` its place among the processes. What it owns of a topic changes in steps numbered
 * like the log's: `prev` is the topic's step before; 0: before it the owner had nothing there. */
#define PRESENCE_OWNER(F)                                                                          \
    F(u64, owner, 0, "instance of the process")                                                    \
    F(u64, index, 0, "of the process")
#define PRESENCE_ENTRY_FIELDS(F)                                                                   \
    F(str, ref, PRESENCE_REF_MAX, "phx_ref: no other entry has it, ever")                          \
    F(str, prev, PRESENCE_REF_MAX, "phx_ref that this one took the place of, or empty")            \
    F(str, user, USER_MAX, "")                                                                     \
    F(str, meta, PRESENCE_META_MAX, "JSON object: the meta without its refs")
#define PRESENCE_DELTA_FIELDS(F)                                                                   \
    PRESENCE_OWNER(F)                                                                              \
    F(u64, seq, 0, "the owner's step")                                                             \
    F(u64, prev, 0, "the topic's step before it; 0: `joins` is all that the owner has there")      \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(list, joins, PRESENCE_BATCH, "presence_entry")                                               \
    F(list, leaves, PRESENCE_BATCH, "str: refs")
#define PRESENCE_HEADS_FIELDS(F)                                                                   \
    PRESENCE_OWNER(F)                                                                              \
    F(u64, from, 0, "exclusive: the `to` of the heads before")                                     \
    F(u64, to, 0, "inclusive: every topic that changed between is in the list")                    \
    F(list, topics, CHANGES_MAX, "head: topic, and the owner's step of its last change")           \
    F(u64, leaving, 0, "1: the process drains, and its clients go to the others")
#define PRESENCE_ASK_FIELDS(F)                                                                     \
    ASK(F)                                                                                         \
    F(u64, owner, 0, "the instance whose steps `topics` tells; 0: none is known")                  \
    F(u64, counts, 0, "1: how many, not who")                                                      \
    F(list, topics, CHANGES_MAX, "head: topic, and the step that the asker has of it; 0: none")
#define PRESENCE_PARTS_FIELDS(F)                                                                   \
    ANSWER(F)                                                                                      \
    PRESENCE_OWNER(F)                                                                              \
    F(list, parts, CHANGES_MAX,                                                                    \
      "presence_part: of the topics asked for, in their order; those at the end may be missing")
#define PRESENCE_PART_FIELDS(F)                                                                    \
    F(str, topic, TOPIC_MAX, "")                                                                   \
    F(u64, seq, 0, "the owner's step that this is true at")                                        \
    F(u64, same, 0, "1: the asker has it already")                                                 \
    F(u64, count, 0, "of the owner's entries there")                                               \
    F(list, entries, PRESENCE_PART_MAX, "presence_entry: all of them, but for `same` and `counts`")
#define DISCONNECT_FIELDS(F)                                                                       \
    ASK(F)                                                                                         \
    F(str, topic, TOPIC_MAX, "they are off this one; empty: their connections are closed")         \
    F(list, users, USERS_MAX, "str")                                                               \
    F(u64, forget, 0, "1: they are erased: nobody is told when they were last here")
#define DISCONNECTED_FIELDS(F) ANSWER(F)
#define PRESENCE_USER_FIELDS(F)                                                                    \
    ASK(F)                                                                                         \
    F(str, user, USER_MAX, "")
#define PRESENCE_USER_INFO_FIELDS(F)                                                               \
    ANSWER(F)                                                                                      \
    F(u64, connections, 0, "of the user, to this process")                                         \
    F(u64, since_ms, 0, "wall clock since when there is at least one; 0: there is none")

#define JOINED_FIELDS(F)                                                                           \
    ASK(F)                                                                                         \
    F(str, prefix, TOPIC_MAX, "only topics that begin so")                                         \
    F(str, after, TOPIC_MAX, "only those behind this one, by name")                                \
    F(u64, limit, 0, "the first so many, at most CHANGES_MAX")
#define JOINED_LIST_FIELDS(F)                                                                      \
    ANSWER(F)                                                                                      \
    F(list, topics, CHANGES_MAX, "head: topic, and how many are on it in this process; by name")

/* What the application is asked, and what it says: hook/. */
#define HOOK_FIELDS(F)                                                                             \
    ASK(F)                                                                                         \
    F(u64, kind, 0, "enum hook_kind")                                                              \
    F(str, question, HOOK_QUESTION_MAX, "JSON object: what the application is sent")
#define HOOKED_FIELDS(F)                                                                           \
    ANSWER(F)                                                                                      \
    F(u64, allowed, 0, "1: the application lets them in")                                          \
    F(str, reason, HOOK_REASON_MAX, "why not; with another status than OK: what went wrong")       \
    F(str, user, USER_MAX, "connect: who they are; empty: who they were")                          \
    F(u64, claims, 0, "connect: 1: `topics` and `publish` count instead of the token's")           \
    F(str, topics, CLAIM_MAX, "patterns that they may join, comma between")                        \
    F(str, publish, CLAIM_MAX, "and those that they may publish on")                               \
    F(u64, publishes, 0, "join: 1: they may publish there")                                        \
    F(u64, lifetime_s, 0, "connect: how long the connection may last; 0: as long as its token")

#define MESSAGES(M)                                                                                \
    M(1, entry, ENTRY_FIELDS, "a committed action: a record of the log, and in lists")             \
    M(2, item, ITEM_FIELDS, "a notification, in lists")                                            \
    M(3, head, HEAD_FIELDS, "a topic's newest seq, in lists")                                      \
    M(4, drift, DRIFT_FIELDS, "a count that is wrong, in lists")                                   \
    M(10, create, CREATE_FIELDS, "session -> store: notification.create")                          \
    M(11, created, CREATED_FIELDS, "store -> session")                                             \
    M(170, try, TRY_FIELDS, "session -> store: what would become of a create?")                    \
    M(171, tried, TRIED_FIELDS, "store -> session")                                                \
    M(90, update, UPDATE_FIELDS,                                                                   \
      "session -> store: notification.update: an item of other content")                           \
    M(14, changed, CHANGED_FIELDS, "store -> session: an inbox after an action")                   \
    M(15, expire, EXPIRE_FIELDS, "notifier -> store: notification.expire: all that are due")       \
    M(16, expired, EXPIRED_FIELDS, "store -> notifier")                                            \
    M(91, import, IMPORT_FIELDS,                                                                   \
      "session -> store: notification.import: what stood somewhere else")                          \
    M(92, imported, IMPORTED_FIELDS, "store -> session")                                           \
    M(93, import_item, IMPORT_ITEM_FIELDS, "a notification to be imported, in lists")              \
    M(17, mark, MARK_FIELDS, "session -> store: notification.mark_read and its like, by ids")      \
    M(18, mark_all, MARK_ALL_FIELDS, "session -> store: the same for all up to a pos")             \
    M(19, tally, TALLY_FIELDS, "counts, in lists")                                                 \
    M(20, snapshot, SNAPSHOT_FIELDS, "session -> store: a page of an inbox with its counts")       \
    M(21, inbox, INBOX_FIELDS, "store -> session")                                                 \
    M(22, since, SINCE_FIELDS, "session -> store: what a topic's reader missed")                   \
    M(23, changes, CHANGES_FIELDS, "store -> session")                                             \
    M(24, heads_since, HEADS_SINCE_FIELDS, "session -> store: which topics changed")               \
    M(25, heads, HEADS_FIELDS, "store -> session; notifier -> sessions, at least once a second")   \
    M(28, get, GET_FIELDS, "session -> store: one item; answered with inbox")                      \
    M(30, follow, FOLLOW_FIELDS, "notifier -> store: push me the log")                             \
    M(31, tail, TAIL_FIELDS, "store -> notifier: the first one at once, empty if need be")         \
    M(32, followed, FOLLOWED_FIELDS, "notifier -> store")                                          \
    M(33, check, CHECK_FIELDS, "belfry -> store: recount")                                         \
    M(34, checked, CHECKED_FIELDS, "store -> belfry")                                              \
    M(35, unpublish, UNPUBLISH_FIELDS, "session -> store: what was published is not to be")        \
    M(36, unpublished, UNPUBLISHED_FIELDS, "store -> session")                                     \
    M(150, revise, REVISE_FIELDS,                                                                  \
      "session -> store: what was published has other content; answered with unpublished")         \
    M(37, erase, ERASE_FIELDS, "session -> store: a user is to be forgotten")                      \
    M(38, erasure, ERASURE_FIELDS, "session -> store: is it done?")                                \
    M(39, erasing, ERASING_FIELDS, "store -> session")                                             \
    M(100, prefs_put, PREFS_PUT_FIELDS, "session -> store: preferences; answered with prefs")      \
    M(101, prefs_get, PREFS_GET_FIELDS, "session -> store: what they are")                         \
    M(102, prefs, PREFS_FIELDS, "store -> session; also what the store keeps of them")             \
    M(103, assess, ASSESS_FIELDS, "session -> store: who may be disturbed?")                       \
    M(104, assessed, ASSESSED_FIELDS, "store -> session")                                          \
    M(106, about, ABOUT_FIELDS, "session -> store: what there is of a user")                       \
    M(107, about_user, ABOUT_USER_FIELDS, "store -> session")                                      \
    M(110, pass, PASS_FIELDS, "session -> session: say when you are past it")                      \
    M(111, passed, PASSED_FIELDS, "session -> session")                                            \
    M(60, publish, PUBLISH_FIELDS,                                                                 \
      "session -> store: message.create: an event of a topic with history")                        \
    M(61, published, PUBLISHED_FIELDS, "store -> session")                                         \
    M(62, history, HISTORY_FIELDS, "session -> store: a page of a topic's messages")               \
    M(63, page, PAGE_FIELDS, "store -> session")                                                   \
    M(64, member, MEMBER_FIELDS, "session -> store: members of a topic come and go")               \
    M(65, membered, MEMBERED_FIELDS, "store -> session")                                           \
    M(66, members, MEMBERS_FIELDS, "session -> store: who they are")                               \
    M(67, member_list, MEMBER_LIST_FIELDS, "store -> session")                                     \
    M(70, fanout, FANOUT_FIELDS, "notifier -> store: begin; answered with fanned")                 \
    M(71, fanout_step, FANOUT_STEP_FIELDS, "notifier -> store: one page; answered with fanned")    \
    M(72, fanned, FANNED_FIELDS, "store -> notifier")                                              \
    M(73, fanouts, FANOUTS_FIELDS, "notifier -> store: which are not done?")                       \
    M(74, fanout_list, FANOUT_LIST_FIELDS, "store -> notifier")                                    \
    M(75, seen, SEEN_FIELDS,                                                                       \
      "session -> store: a user's last connection ended; answered with user_info")                 \
    M(76, user, USER_FIELDS, "session -> store: what is kept of a user")                           \
    M(77, user_info, USER_INFO_FIELDS, "store -> session")                                         \
    M(40, broadcast, BROADCAST_FIELDS, "notifier, session -> sessions: an event on a topic")       \
    M(41, confirmed, CONFIRMED_FIELDS, "broker -> session: your subscriptions hold")               \
    M(50, poll, POLL_FIELDS, "session -> session: a long-poll request for one of yours")           \
    M(51, polled, POLLED_FIELDS, "session -> session")                                             \
    M(52, poll_gone, POLL_GONE_FIELDS, "session -> session")                                       \
    M(53, disconnect, DISCONNECT_FIELDS, "session -> session: close what these users have open")   \
    M(54, disconnected, DISCONNECTED_FIELDS, "session -> session")                                 \
    M(80, presence_entry, PRESENCE_ENTRY_FIELDS, "one connection on one topic, in lists")          \
    M(81, presence_part, PRESENCE_PART_FIELDS, "what one process has of a topic, in lists")        \
    M(82, presence_delta, PRESENCE_DELTA_FIELDS, "session -> sessions: who came and went")         \
    M(83, presence_heads, PRESENCE_HEADS_FIELDS, "session -> sessions, twice a second")            \
    M(84, presence_ask, PRESENCE_ASK_FIELDS, "session -> session: what you have of topics")        \
    M(85, presence_parts, PRESENCE_PARTS_FIELDS, "session -> session")                             \
    M(86, presence_user, PRESENCE_USER_FIELDS, "session -> session: is this user connected?")      \
    M(87, presence_user_info, PRESENCE_USER_INFO_FIELDS, "session -> session")                     \
    M(88, joined, JOINED_FIELDS, "session -> session: which topics has somebody joined?")          \
    M(89, joined_list, JOINED_LIST_FIELDS, "session -> session")                                   \
    M(120, revoke, REVOKE_FIELDS, "session -> store: tokens are good no more")                     \
    M(121, revoked, REVOKED_FIELDS, "store -> session")                                            \
    M(122, revocations, REVOCATIONS_FIELDS, "session -> store, all the time: what is new?")        \
    M(123, revocation_list, REVOCATION_LIST_FIELDS, "store -> session")                            \
    M(124, revocation, REVOCATION_FIELDS, "one, in lists")                                         \
    M(140, hook, HOOK_FIELDS, "session -> hook: may somebody connect, or join?")                   \
    M(141, hooked, HOOKED_FIELDS, "hook -> session")                                               \
    M(160, repair, REPAIR_FIELDS, "the store's own: counts of a topic are to be put right")

/* Where the application is asked. */
enum hook_kind { HOOK_connect, HOOK_join, HOOK_KINDS };

/* What happened to an inbox. Kept in the log: append only. */
#define ENTRY_KINDS(X)                                                                             \
    X(none, "")                                                                                    \
    X(created, "a notification arrived")                                                           \
    X(read, "`ids` became read")                                                                   \
    X(all_read, "everything up to `pos` became read")                                              \
    X(expired, "`ids` came to their end")                                                          \
    X(message, "`event` was published on the topic")                                               \
    X(scheduled, "notifications wait for `expires_ms`; in the store's own topic")                  \
    X(cancelled, "what waited as `pos` is not to be done; there too")                              \
    X(unread, "`ids` became unread")                                                               \
    X(seen, "`ids` were seen")                                                                     \
    X(all_seen, "everything up to `pos` was seen")                                                 \
    X(archived, "`ids` left the inbox for the archive")                                            \
    X(all_archived, "everything up to `pos` did")                                                  \
    X(unarchived, "`ids` came back from it")                                                       \
    X(snoozed, "`ids` left the inbox until `until_ms`")                                            \
    X(resurfaced, "a snoozed item came back, at `pos`")                                            \
    X(updated, "an item has other content, and perhaps another pos")                               \
    X(removed, "`ids` are gone")                                                                   \
    X(broadcast, "a notification for many; in the store's own topic")                              \
    X(retracted, "the broadcast `pos` is not to be shown any more; there too")                     \
    X(erased, "somebody is forgotten; in the store's own topic, and without a name")               \
    X(imported, "a notification came from somewhere else, at `pos`; told by a snapshot only")      \
    X(revised, "the broadcast `pos` has other content; in the store's own topic")                  \
    X(recounted, "its counts were wrong, and are right from here on")

#define AS_KIND(name, doc) ENTRY_##name,
enum entry_kind { ENTRY_KINDS(AS_KIND) ENTRY_KIND_COUNT };
#undef AS_KIND

typedef uint64_t mp_field_u64;
typedef struct bytes mp_field_str;
typedef struct bytes mp_field_bin;
typedef struct mp_list mp_field_list;

#define MSG_MEMBER(type, name, limit, doc) mp_field_##type name;
#define MSG_STRUCT(id, name, FIELDS, doc)                                                          \
    struct msg_##name {                                                                            \
        FIELDS(MSG_MEMBER)                                                                         \
    };
MESSAGES(MSG_STRUCT)

#define MSG_ID(id, name, FIELDS, doc) MSG_##name = (id),
enum msg_id { MESSAGES(MSG_ID) };

struct msg {
    enum msg_id id;
    union {
#define MSG_UNION(id, name, FIELDS, doc) struct msg_##name name;
        MESSAGES(MSG_UNION)
#undef MSG_UNION
    };
};

/* Read the next message; false at the end (in->ok) or when it is not one of ours (!in->ok). */
bool msg_read(struct mp_in *in, struct msg *m);

/* Append one, or nothing of it when it does not fit: then out->overflowed. Its fields must keep
 * their limits: breaking them is our bug. */
void msg_write(struct buf *out, const struct msg *m);

/* Its name, or "unknown"; static. */
const char *msg_name(uint64_t id);

/* A list's elements are written to a buffer of their own, by msg_write() or mp_put_str(); the list
 * borrows from it. */
static inline struct mp_list list_of(const struct buf *elements, uint32_t count)
{
    return (struct mp_list){buf_all(elements), count};
}

/* A cursor over a list's elements: msg_read() or mp_str() on it. */
static inline struct mp_in list_in(struct mp_list list)
{
    return mp_over(list.raw);
}

/* The table itself, for the printed page and the tests. */
enum field_type { FIELD_u64, FIELD_str, FIELD_bin, FIELD_list };
struct msg_field {
    enum field_type type;
    const char *name, *doc;
    uint64_t limit;
};
struct msg_shape {
    enum msg_id id;
    const char *name, *doc;
    const struct msg_field *fields;
    uint32_t count;
};
extern const struct msg_shape msg_shapes[];
extern const size_t msg_shape_count;
