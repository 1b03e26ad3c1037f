/* SPDX-License-Identifier: Apache-2.0 */
/* apikeys.h -- the named keys of back ends: who has one may do what its scopes say.
 *
 * Shape   a text of lines, "name scope,scope hash made": DATA/secrets/api.keys. The key itself, "bk_"
 *         and 43 letters of randomness, is shown once when it is made and kept nowhere; the file has
 *         its SHA-256, which is enough for what cannot be guessed.
 * Limits  APIKEYS_MAX keys; a name has 1 to 32 letters, digits, - and _. */
#pragma once

#include "lib/buf.h"

#define SCOPES(X)                                                                                  \
    X(create, "creates, changes and marks notifications of any user")                              \
    X(publish, "publishes on topics and says who their members are")                               \
    X(read, "reads any inbox, history, presence and user")                                         \
    X(admin, "everything, and what is for operators only: metrics, closing connections")

#define AS_SCOPE(name, doc) SCOPE_BIT_##name,
enum { SCOPES(AS_SCOPE) SCOPE_COUNT };
#undef AS_SCOPE
#define AS_SCOPE(name, doc) SCOPE_##name = 1u << SCOPE_BIT_##name,
enum scope { SCOPES(AS_SCOPE) SCOPE_all = (1u << SCOPE_COUNT) - 1 };
#undef AS_SCOPE

enum {
    APIKEYS_MAX = 64,
    APIKEY_NAME = 32,
    APIKEY_HASH = 32,
    APIKEY_TEXT = 64, /* a key with its NUL */
    APIKEYS_BYTES = 16384
};

struct apikey {
    char name[APIKEY_NAME + 1];
    unsigned scopes; /* of enum scope */
    uint8_t hash[APIKEY_HASH];
    uint64_t made_ms; /* wall clock */
};

struct apikeys {
    struct apikey list[APIKEYS_MAX];
    unsigned n;
};

/* NULL, or what is wrong, and in *line where. Then `keys` has nothing. */
const char *apikeys_read(struct apikeys *keys, struct bytes text, unsigned *line);
void apikeys_write(struct buf *out, const struct apikeys *keys);

/* "create,read" both ways; 0 when one of them is not known. */
unsigned scopes_read(struct bytes text);
void scopes_write(struct buf *out, unsigned scopes);

bool apikey_name_valid(struct bytes name);

/* A new key's text; its row has the name, the scopes and the time already. */
void apikey_make(struct apikey *row, char text[APIKEY_TEXT]);

/* Whose key this is; NULL: nobody's. Takes the same time for each key that might be one. */
const struct apikey *apikeys_find(const struct apikeys *keys, struct bytes text);

/* It looks like one. */
bool apikey_looks(struct bytes text);
