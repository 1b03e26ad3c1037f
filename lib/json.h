/* SPDX-License-Identifier: Apache-2.0 */
/* json.h -- reading JSON where it lies, and writing strings of it.
 *
 * The idea: a payload is checked once and carried on as the text that it was. A cursor walks over
 * checked values and gives borrowed slices; nothing is built and nothing allocated.
 *
 * Shape   struct json is a cursor: the first thing that is wrong clears `ok`, and stays. Walking is
 *         checking: text that was not checked before may be entered, and json_end() tells at the
 *         end.
 * Limits  nesting up to JSON_DEPTH; strings must be UTF-8 without lone surrogates (\ud800 as
 *         well).
 * Source  RFC 8259; RFC 3629. jansson is the oracle in tests/unit. */
#pragma once

#include "lib/arena.h"

enum { JSON_DEPTH = 64 };

struct json {
    const char *p, *end;
    bool ok;
};

struct json json_over(struct bytes text);

/* The next value, whole and checked, without white space around it. */
struct bytes json_value(struct json *in);

/* True when nothing but white space is left and nothing was wrong. */
bool json_end(struct json *in);

/* Walk an array or an object: enter, then next until false. A key is given raw, with its quotes.
 *     json_enter(&in, '{'); while (json_member(&in, &key, &value)) ...   then check in.ok */
void json_enter(struct json *in, char bracket);
bool json_element(struct json *in, struct bytes *value);
bool json_member(struct json *in, struct bytes *key, struct bytes *value);

/* Or all members at once, each to where its name says. A name that is there twice would be one thing to us and
 * another to who asked, so it is told. */
struct json_place {
    const char *name;
    struct bytes *to; /* NULL: it may be there, and says nothing */
};
enum { JSON_PLACES = 64 };

struct json_members {
    const struct json_place *places;
    size_t count;
    struct bytes other; /* the first that has no place: its key; empty: there is none */
    const char *twice;  /* the first of `places` that came again; NULL: none */
};

/* False: it is not an object, or not valid throughout. Values keep what they were where nothing came. */
bool json_read(struct bytes object, struct json_members *m);

/* That one is there twice, in words; NULL: none is. */
const char *json_twice(const struct json_members *m, struct arena *scratch);

/* The text is one JSON value and nothing else. */
bool json_valid(struct bytes text);

/* RFC 3629: no overlong forms, no surrogates. */
bool utf8_valid(struct bytes text);

/* What a checked value is: one of { [ " 0 t f n. */
char json_kind(struct bytes value);

/* A checked string's characters: borrowed from it, or unescaped into the arena. False when it is
 * not a string, or the arena is full. */
bool json_string(struct bytes value, struct arena *scratch, struct bytes *out);

/* A raw key is this name (compared with its escapes undone only when it has any). */
bool json_key_is(struct bytes key, const char *name);

/* A checked number that is a whole one from 0 to 2^53. */
bool json_u64(struct bytes value, uint64_t *out);

/* Write UTF-8 text as a JSON string with its quotes. `/` and non-ASCII stay as they are. */
void json_write_string(struct buf *out, struct bytes text);

/* Copy a checked value without the white space between its parts. */
void json_write_compact(struct buf *out, struct bytes value);
