/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h -- the sizes that more than one process relies on. In bytes unless said. */
#pragma once

enum {
    USER_MAX = 128,             /* a user id */
    TOPIC_MAX = 200,            /* a topic name */
    EVENT_MAX = 64,             /* an event name */
    KEY_MAX = 255,              /* an Idempotency-Key, an op_id, a collapse_key or a dedupe_key */
    JTI_MAX = 64,               /* the jti of a token */
    TYPES_MAX = 8,              /* of notifications, where counts are kept by type (a count) */
    CATEGORY_MAX = 64,          /* the name of a category */
    CATEGORIES_MAX = 32,        /* of one inbox, that have items (a count) */
    CONTENT_MAX = 32768,        /* a notification's content or an event's payload, JSON text */
    MUTES_MAX = 100,            /* categories, and topics, that a user mutes (a count) */
    USERS_MAX = 1000,           /* users of one create (a count) */
    IDS_MAX = 1000,             /* notification ids of one action (a count) */
    IMPORT_MAX = 500,           /* lines of one import (a count) */
    PAGE_MAX = 100,             /* items of one page of an inbox (a count) */
    CHANGES_MAX = 1000,         /* entries of one answer from the log (a count) */
    CLAIM_MAX = 511,            /* a claim with patterns, comma between */
    HOOK_PARAMS_MAX = 16384,    /* what a client says of itself, as the application is told */
    HOOK_QUESTION_MAX = 32768,  /* a question to the application, JSON text */
    HOOK_REASON_MAX = 200,      /* why it says no */
    HEADER_BYTES_MAX = 65536,   /* what a request line and all headers may be set to */
    PRESENCE_META_MAX = 1200,   /* a meta without its refs, JSON text */
    PRESENCE_REF_MAX = 24,      /* a phx_ref */
    PRESENCE_BATCH = 1000,      /* entries of one delta (a count) */
    PRESENCE_PART_MAX = 200000, /* entries that a process may have on a topic (a count) */
    BATCH_MAX = 1 << 20, /* messages to one process in one turn: the frame that carries them */
    FRAME_MAX = 4 << 20, /* the largest message between processes, but for: */
    TEXT_MAX = 16 << 20, /* JSON made of one, and the body of a long-poll's answer */
};
