/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h -- members of a JSON object, read one by one, or what is wrong with them. Pure. What is read
 * borrows from the JSON text and the arena. */
#pragma once

#include "lib/arena.h"
#include "proto/messages.h"

/* What is wrong, and where. */
struct problem {
    char field[48]; /* empty: the whole */
    char detail[200];
};

/* Say it; false, for the caller to return. */
bool problem_set(struct problem *why, const char *field, const char *detail);

/* A member that is not known, by its name as it stands in the JSON. */
bool problem_unknown(struct problem *why, struct bytes key, const char *allowed);

/* The whole is an object, and valid throughout. */
bool field_object(struct bytes json, struct problem *why);

/* Every member goes to its place. None may be there twice; and none without a place, where `allowed` says
 * which there are (NULL: others are not ours to read). */
struct json_place;
bool fields_read(struct bytes json, const struct json_place *places, size_t count,
                 const char *allowed, struct problem *why);
#define FIELDS(places) places, sizeof(places) / sizeof *(places)

/* It is there, and not null. */
bool field_given(struct bytes value);

bool field_number(struct bytes value, uint64_t *out, const char *field, struct problem *why);

/* Text of 1 to KEY_MAX bytes. */
bool field_text(struct bytes value, struct bytes *out, const char *field, struct arena *scratch,
                struct problem *why);
bool field_user(struct bytes value, struct bytes *user, const char *field, struct arena *scratch,
                struct problem *why);
bool field_time(struct bytes value, uint64_t *ms, const char *field, struct arena *scratch,
                struct problem *why);

/* Text of 1 to CATEGORY_MAX bytes. */
bool field_category(struct bytes value, struct bytes *out, struct arena *scratch,
                    struct problem *why);

/* The same request again has the same, however its JSON is spaced. */
struct bytes fingerprint(struct bytes json, struct arena *scratch);
