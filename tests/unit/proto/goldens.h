/* SPDX-License-Identifier: Apache-2.0 */
/* goldens.h -- one message of each kind, and its exact bytes.
 *
 * A change here is a change of what processes of two versions say to each other, and of what the log
 * of an existing installation holds. */
#pragma once

#include "proto/items.h"
#include "proto/messages.h"

/* clang-format off */
#define B(literal) {literal, sizeof(literal) - 1}
#define ID "\x01\x9a\xb2\xc3\xd4\xe5\0\0\0\0\0\0\0\0\0\x2a"

struct golden {
    struct msg msg;
    const char *hex; /* white space only for the reader */
};

static const struct golden goldens[] = {
    {{MSG_entry, .entry = {42, 41, B("user:ann:notifications"), ENTRY_created, 1795445100123, 3,
                           2, 42, 0, B("{\"type\":\"activity\",\"title\":\"Hi\"}"), B(""), B(""), B(""),
                           B(""), 77, 1, 2, 1795445200000, B("work"),
                           {B("\x9b\x02\x01\x02\x03\x04\x05\x06\xa2{}\x07\x08\x09"), 1},
                           {B("\x94\x13\xa4work\x03\x02"), 1}, 40, 32, 1795445100000, 3}},
     "dc001a012a29b6757365723a616e6e3a6e6f74696669636174696f6e7301cf000001a208de0e5b03022a"
     "00d9207b2274797065223a226163746976697479222c227469746c65223a224869227dc400a0a0a04d01"
     "02cf000001a208df9480a4776f726b919b02010203040506a27b7d070809919413a4776f726b03022820cf000001a208de0de003"},
    {{MSG_item, .item = {42, 1795445100123, 43, 3, 1795445100200, 1795445200000,
                         B("{\"type\":\"alert\",\"title\":\"\xc3\xa9\"}"), 40, 3, 1795445300000}},
     "9b022acf000001a208de0e5b2b03cf000001a208de0ea8cf000001a208df9480bd7b2274797065223a22"
     "616c657274222c227469746c65223a22c3a9227d2803cf000001a208e11b20"},
    {{MSG_head, .head = {B("user:ann:notifications"), UINT64_MAX}},
     "9303b6757365723a616e6e3a6e6f74696669636174696f6e73cfffffffffffffffff"},
    {{MSG_drift, .drift = {B("user:ann:notifications"), B("unread"), 3, 2, 0, 0, 0}},
     "9804b6757365723a616e6e3a6e6f74696669636174696f6e73a6756e726561640302000000"},
    {{MSG_create, .create = {7, 5000, {B("\xa3" "ann" "\xa3" "bob"), 2}, 2, 1795445200000,
                             B("{\"type\":\"activity\",\"title\":\"Hi\"}"), B("key-1"),
                             B("0123456789abcdef"), 1795445200000, B("work"), B("thread-7"), B("daily"), 1, 1, B("room:7")}},
     "dc00100a07cd138892a3616e6ea3626f6202cf000001a208df9480d9207b2274797065223a22616374697669"
     "7479222c227469746c65223a224869227da56b65792d31c41030313233343536373839616263646566cf"
     "000001a208df9480a4776f726ba87468726561642d37a56461696c790101a6726f6f6d3a37"},
    {{MSG_created, .created = {7, ERR_OK, 42, 2, 1795445100123, 1795445200000, B("\1\0"), 1, B("\1\0"), B("0123456789abcdef0123456789abcdef")}},
     "9b0b07002a02cf000001a208de0e5bcf000001a208df9480c402010001c4020100c42030313233343536373839616263646566"
     "30313233343536373839616263646566"},
    {{MSG_unpublish, .unpublish = {7, 5000, B(ID)}}, "942307cd1388c410019ab2c3d4e5000000000000000000 2a"},
    {{MSG_unpublished, .unpublished = {7, ERR_OK, 42, 3}}, "952407002a03"},
    {{MSG_revise, .revise = {7, 5000, B(ID), B("{\"title\":\"t\"}"), 6, 1795445200000, B("work"), B("key-1"), B("0123456789abcdef")}},
     "9acc9607cd1388c410019ab2c3d4e50000000000000000002aad7b227469746c65223a2274227d06cf000001a208df9480a4776f726ba56b65792d31c410"
     "30313233343536373839616263646566"},
    {{MSG_update, .update = {7, 5000, B("ann"), B(ID), 42, 1795445200000, B("{\"title\":\"t\"}"), B("work"), 6, B("op-1"), B("0123456789abcdef")}}, "9c5a07cd1388a3616e6ec410019ab2c3d4e50000000000000000002a2acf000001a208df9480ad7b22746974"
     "6c65223a2274227da4776f726b06a46f702d31c41030313233343536373839616263646566"},
    {{MSG_mark, .mark = {8, 5000, B("ann"), MARK_snooze, B(ID), 1795445200000, 41, B("op-1"),
                         B("0123456789abcdef")}},
     "9a1108cd1388a3616e6e06c410019ab2c3d4e50000000000000000002acf000001a208df948029a46f70"
     "2d31c41030313233343536373839616263646566"},
    {{MSG_mark_all, .mark_all = {9, 5000, B("ann"), MARK_read, 42, B("work"), 1, UINT64_MAX, B(""), B("")}},
     "9b1209cd1388a3616e6e002aa4776f726b01cfffffffffffffffffa0c400"},
    {{MSG_tally, .tally = {B("work"), 3, 2}},
     "9413a4776f726b0302"},
    {{MSG_changed, .changed = {8, ERR_OK, 44, 2, 0, B(ID), B(""), 1}},
     "990e08002c0200c410019ab2c3d4e50000000000000000002ac40001"},
    {{MSG_expire, .expire = {10, 1000}},
     "930f0acd03e8"},
    {{MSG_expired, .expired = {10, ERR_OK, UINT64_MAX}},
     "94100a00cfffffffffffffffff"},
    {{MSG_snapshot, .snapshot = {11, 5000, B("ann"), 0, 50, 1, 2, 3, B("work"), 1}},
     "9b140bcd1388a3616e6e0032010203a4776f726b01"},
    {{MSG_import_item, .import_item = {B("ann"), B("row-7"), 2, 1795445100123, 1795445200000, 0, 0, ITEM_seen, B("{\"title\":\"t\"}"), B("work")}},
     "9b5da3616e6ea5726f772d3702cf000001a208de0e5bcf000001a208df9480000004ad7b227469746c65223a2274227da4776f726b"},
    {{MSG_import, .import = {7, 5000, {B("\x96\x40\x07\x08\xa6room:7\x01\x91\xa3" "ann"), 1}}},
     "945b07cd13889196400708a6726f6f6d3a370191a3616e6e"},
    {{MSG_imported, .imported = {7, ERR_OK, B("\0\1")}}, "945c0700c4020001"},
    {{MSG_inbox, .inbox = {11, ERR_OK, 44, 2, 99, 1700000000000, 1795445100123, 0,
                           {B("\x9b\x02\x01\x02\x03\x04\x05\x06\xa2{}\x07\x08\x09"), 1}, 1,
                           {B("\x94\x13\xa5" "alert\x02\x01"), 1}, {B("\x94\x13\xa4work\x03\x02"), 1}}},
     "9d150b002c0263cf0000018bcfe56800cf000001a208de0e5b00919b02010203040506a27b7d07080901"
     "919413a5616c6572740201919413a4776f726b0302"},
    {{MSG_get, .get = {11, 5000, B("ann"), B(ID)}},
     "951c0bcd1388a3616e6ec410019ab2c3d4e50000000000000000002a"},
    {{MSG_since, .since = {12, 5000, B("room:7"), 41, 1700000000000, B("ann")}},
     "97160ccd1388a6726f6f6d3a3729cf0000018bcfe56800a3616e6e"},
    {{MSG_changes, .changes = {12, ERR_TOO_OLD, B("user:ann:notifications"), 44, 1700000000000,
                               1795445100123, 2, {B(""), 0}, 1}},
     "9a170c06b6757365723a616e6e3a6e6f74696669636174696f6e732ccf0000018bcfe56800cf000001a2"
     "08de0e5b029001"},
    {{MSG_heads_since, .heads_since = {13, 5000, UINT64_MAX}},
     "94180dcd1388cfffffffffffffffff"},
    {{MSG_heads, .heads = {0, ERR_OK, 41, 44, {B("\x93\x03\xa1" "a\x2a\x93\x03\xa1" "b\x2c"), 2}}},
     "96190000292c929303a1612a9303a1622c"},
    {{MSG_follow, .follow = {UINT64_MAX, 5000, 3}},
     "941ecfffffffffffffffffcd138803"},
    {{MSG_tail, .tail = {41, 42, {B("\xdc\x00\x16\x01\x2a\x29\xa1" "a\x02\x05\x00\x02\x00\x00\xa0\xc4\x00\xa0\xa0\xa0"
                               "\x00\x00\x00\x00\xa0\x90\x90"), 1}, 3}},
     "951f292a91dc0016012a29a161020500020000a0c400a0a0a000000000a0909003"},
    {{MSG_followed, .followed = {42, 1}},
     "93202a01"},
    {{MSG_check, .check = {14, 5000, B(""), 10000}},
     "95210ecd1388a0cd2710"},
    {{MSG_checked, .checked = {14, ERR_OK, B("user:bob:notifications"), 100, 9999,
                               {B("\x98\x04\xa1" "a\xa6unread\x03\x02\x09\x00\x00"), 1}}},
     "97220e00b6757365723a626f623a6e6f74696669636174696f6e7364cd270f919804a161a6756e726561"
     "640302090000"},
    {{MSG_publish, .publish = {16, 5000, B("room:7"), B("message.create"), B("{\"text\":\"Hi\"}"),
                               B("ann"), 1, 500, 86400000, B("key-1"), B("0123456789abcdef")}},
     "9c3c10cd1388a6726f6f6d3a37ae6d6573736167652e637265617465ad7b2274657874223a224869227d"
     "a3616e6e01cd01f4ce05265c00a56b65792d31c41030313233343536373839616263646566"},
    {{MSG_published, .published = {16, ERR_OK, 42, 1795445100123}},
     "953d10002acf000001a208de0e5b"},
    {{MSG_history, .history = {17, 5000, B("room:7"), 43, 50, B("ann")}},
     "973e11cd1388a6726f6f6d3a372b32a3616e6e"},
    {{MSG_page, .page = {17, ERR_OK, 42, 1700000000000, 1795445100123, 42,
                         {B("\xdc\x00\x16\x01\x2a\x29\xa6room:7\x05\x09\x00\x00\x00\x00\xa2{}\xc4\x00\xa0"
                            "\xa2hi\xa3" "ann\x00\x00\x00\x00\xa0\x90\x90"), 1}}},
     "983f11002acf0000018bcfe56800cf000001a208de0e5b2a91dc0016012a29a6726f6f6d3a3705090000"
     "0000a27b7dc400a0a26869a3616e6e00000000a09090"},
    {{MSG_member, .member = {18, 5000, B("room:7"), 1, {B("\xa3" "ann" "\xa3" "bob"), 2}}},
     "964012cd1388a6726f6f6d3a370192a3616e6ea3626f62"},
    {{MSG_membered, .membered = {18, ERR_OK, 1, 300}},
     "9541120001cd012c"},
    {{MSG_members, .members = {19, 5000, B("room:7"), B("ann"), 100}},
     "964213cd1388a6726f6f6d3a37a3616e6e64"},
    {{MSG_member_list, .member_list = {19, ERR_OK, {B("\xa3" "bob" "\xa2" "cy"), 2}, B("cy"), 300}},
     "9643130092a3626f62a26379a26379cd012c"},
    {{MSG_fanout, .fanout = {20, 5000, 42, 1, B("room:7"), B("ann"), 2,
                             B("{\"type\":\"activity\",\"title\":\"New\"}")}},
     "994614cd13882a01a6726f6f6d3a37a3616e6e02d9217b2274797065223a226163746976697479222c22"
     "7469746c65223a224e6577227d"},
    {{MSG_fanout_step, .fanout_step = {21, 5000, 42, 1, 200}},
     "964715cd13882a01ccc8"},
    {{MSG_fanned, .fanned = {21, ERR_OK, 200, 0}},
     "95481500ccc800"},
    {{MSG_fanouts, .fanouts = {22, 5000}},
     "934916cd1388"},
    {{MSG_fanout_list, .fanout_list = {22, ERR_OK, {B("\x96\x47\x00\x00\x2a\x01\x00"), 1}}},
     "944a160091964700002a0100"},
    {{MSG_seen, .seen = {23, 5000, B("ann")}},
     "944b17cd1388a3616e6e"},
    {{MSG_user, .user = {24, 5000, B("ann")}},
     "944c18cd1388a3616e6e"},
    {{MSG_user_info, .user_info = {24, ERR_OK, 1795445100123}},
     "944d1800cf000001a208de0e5b"},
    {{MSG_broadcast, .broadcast = {B("user:ann:notifications"), 42, 41, 42, B("notification:new"),
                                   B("{\"seq\":42}"), B("0.17"), 1, B("\x00\xff")}},
     "9a28b6757365723a616e6e3a6e6f74696669636174696f6e732a292ab06e6f74696669636174696f6e3a"
     "6e6577aa7b22736571223a34327da4302e313701c40200ff"},
    {{MSG_confirmed, .confirmed = {B("session.0.1")}},
     "9229ab73657373696f6e2e302e31"},
    {{MSG_poll, .poll = {15, 15000, 3, 2, 1, 1, 1, B("[\"1\",\"1\",\"phoenix\",\"heartbeat\",{}]\n")}},
     "99320fcd3a980302010101c4235b2231222c2231222c2270686f656e6978222c22686561727462656174"
     "222c7b7d5d0a"},
    {{MSG_polled, .polled = {15, ERR_OK, B("{\"status\":200}")}},
     "94330f00ae7b22737461747573223a3230307d"},
    {{MSG_poll_gone, .poll_gone = {15, 3}},
     "93340f03"},
    {{MSG_disconnect, .disconnect = {16, 5000, B("room:7"), {B("\xa3" "ann" "\xa3" "bob"), 2}, 1}},
     "963510cd1388a6726f6f6d3a3792a3616e6ea3626f6201"},
    {{MSG_prefs_put, .prefs_put = {7, 5000, B("ann"), 16, {B("\xa5" "promo"), 1}, {B("\xa6" "room:7"), 1}, 1,
                                   1320, 420, B("Europe/Berlin"), 8}},
     "9c6407cd1388a3616e6e1091a570726f6d6f91a6726f6f6d3a3701cd0528cd01a4ad4575726f70652f4265726c696e08"},
    {{MSG_prefs_get, .prefs_get = {7, 5000, B("ann")}}, "946507cd1388a3616e6e"},
    {{MSG_prefs, .prefs = {7, ERR_OK, 16, {B("\xa5" "promo"), 1}, {B("\xa6" "room:7"), 1}, 1, 1320, 420,
                           B("Europe/Berlin"), 8}},
     "9b6607001091a570726f6d6f91a6726f6f6d3a3701cd0528cd01a4ad4575726f70652f4265726c696e08"},
    {{MSG_assess, .assess = {7, 5000, {B("\xa3" "ann" "\xa3" "bob"), 2}, 2, B("promo")}},
     "966707cd138892a3616e6ea3626f6202a570726f6d6f"},
    {{MSG_assessed, .assessed = {7, ERR_OK, B("\1\0")}}, "94680700c4020100"},
    {{MSG_try, .try = {7, 5000, {B("\x98\x04\xa1" "a\xa6unseen\x03\x02\x09\x01\x07"), 1}}},
     "94ccaa07cd1388919804a161a6756e7365656e0302090107"},
    {{MSG_tried, .tried = {7, ERR_OK, 1, B("\1\0"), 1, B("\0\2"), B("\3\0"), 9}},
     "99ccab070001c402010001c4020002c402030009"},
    {{MSG_about, .about = {7, 5000, B("ann"), B("room:7"), 100}},
     "966a07cd1388a3616e6ea6726f6f6d3a3764"},
    {{MSG_about_user, .about_user = {7, ERR_OK, 1, 1795445100123, {B("\xa6" "room:7"), 1}, B(""), 1795445100200}},
     "986b070001cf000001a208de0e5b91a6726f6f6d3a37a0cf000001a208de0ea8"},
    {{MSG_pass, .pass = {7, 5000, 42}}, "946e07cd13882a"},
    {{MSG_passed, .passed = {7, ERR_LATER}}, "936f0703"},
    {{MSG_erase, .erase = {7, 5000, B("ann")}}, "942507cd1388a3616e6e"},
    {{MSG_erasure, .erasure = {7, 5000, 42}}, "942607cd13882a"},
    {{MSG_erasing, .erasing = {7, ERR_OK, 42, 1}}, "952707002a01"},
    {{MSG_disconnected, .disconnected = {16, ERR_OK}},
     "93361000"},
    {{MSG_presence_entry, .presence_entry = {B("AAAAAAAAAAAAAAAAAAAB"), B(""), B("ann"),
                                             B("{\"online_at\":\"x\"}")}},
     "9550b44141414141414141414141414141414141414142a0a3616e6eb17b226f6e6c696e655f6174223a"
     "2278227d"},
    {{MSG_presence_part, .presence_part = {B("room:1"), 42, 0, 1,
                                           {B("\x95\x50\xa1" "r\xa0\xa1" "u\xa2{}"), 1}}},
     "9651a6726f6f6d3a312a0001919550a172a0a175a27b7d"},
    {{MSG_presence_delta, .presence_delta = {7, 1, 42, 41, B("room:1"),
                                             {B("\x95\x50\xa1" "r\xa1" "q\xa1" "u\xa2{}"), 1},
                                             {B("\xa1" "q"), 1}}},
     "985207012a29a6726f6f6d3a31919550a172a171a175a27b7d91a171"},
    {{MSG_presence_heads, .presence_heads = {UINT64_MAX, 1, 41, 42,
                                             {B("\x93\x03\xa6" "room:1\x2a"), 1}, 1}},
     "9753cfffffffffffffffff01292a919303a6726f6f6d3a312a01"},
    {{MSG_presence_ask, .presence_ask = {16, 1000, 7, 0, {B("\x93\x03\xa6" "room:1\x29"), 1}}},
     "965410cd03e80700919303a6726f6f6d3a3129"},
    {{MSG_presence_parts, .presence_parts = {16, ERR_OK, 7, 1,
                                             {B("\x96\x51\xa6" "room:1\x2a\x01\x02\x90"), 1}}},
     "965510000701919651a6726f6f6d3a312a010290"},
    {{MSG_presence_user, .presence_user = {17, 1000, B("ann")}},
     "945611cd03e8a3616e6e"},
    {{MSG_presence_user_info, .presence_user_info = {17, ERR_OK, 2, 1795445100123}},
     "9557110002cf000001a208de0e5b"},
    {{MSG_joined, .joined = {17, 1000, B("channel:"), B("channel:a"), 101}},
     "965811cd03e8a86368616e6e656c3aa96368616e6e656c3a6165"},
    {{MSG_joined_list, .joined_list = {17, ERR_OK, {B("\x93\x03\xa6" "room:1\x2a"), 1}}},
     "94591100919303a6726f6f6d3a312a"},
    {{MSG_revoke, .revoke = {18, 5000, B("t-1"), B(""), 0, 90}}, "977812cd1388a3742d31a0005a"},
    {{MSG_revoked, .revoked = {18, ERR_OK, 3}}, "9479120003"},
    {{MSG_revocations, .revocations = {19, 5000, 2, 7}}, "957a13cd13880207"},
    {{MSG_revocation_list, .revocation_list = {19, ERR_OK, 7, 3, 0,
                                               {B("\x95\x7c\xa0\xa1" "u\x1e\x5a"), 1}}},
     "977b130007030091957ca0a1751e5a"},
    {{MSG_revocation, .revocation = {B(""), B("u"), 30, 90}}, "957ca0a1751e5a"},
    {{MSG_hook, .hook = {20, 2500, HOOK_join, B("{\"hook\":\"join\"}")}},
     "95cc8c14cd09c401af7b22686f6f6b223a226a6f696e227d"},
    {{MSG_hooked, .hooked = {20, ERR_OK, 1, B(""), B("ann"), 1, B("room:*"), B(""), 0, 60}},
     "9bcc8d140001a0a3616e6e01a6726f6f6d3a2aa0003c"},
    {{MSG_repair, .repair = {0, 0, {B("\x98\x04\xa1" "a\xa6unseen\x03\x02\x09\x01\x07"), 1}}},
     "94cca00000919804a161a6756e7365656e0302090107"},
};
/* clang-format on */
enum { GOLDENS = sizeof goldens / sizeof *goldens };

/* Fields, by the table: each is where the one before it ends. */
static inline size_t field_size(enum field_type type)
{
    return type == FIELD_u64    ? sizeof(uint64_t)
           : type == FIELD_list ? sizeof(struct mp_list)
                                : sizeof(struct bytes);
}

static inline const struct msg_shape *shape_of_golden(const struct golden *g)
{
    for (size_t i = 0; i < msg_shape_count; i++)
        if (msg_shapes[i].id == g->msg.id)
            return &msg_shapes[i];
    return NULL;
}
