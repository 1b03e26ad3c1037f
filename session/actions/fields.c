/* SPDX-License-Identifier: Apache-2.0 */
#include "session/actions/fields.h"

#include "lib/clock.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "proto/topic.h"

#include <stdio.h>

bool problem_set(struct problem *why, const char *field, const char *detail)
{
    snprintf(why->field, sizeof why->field, "%s", field);
    snprintf(why->detail, sizeof why->detail, "%s", detail);
    return false;
}

bool problem_unknown(struct problem *why, struct bytes key, const char *allowed)
{
    size_t n = key.n - 2 < 40 ? key.n - 2 : 40;
    snprintf(why->field, sizeof why->field, "%.*s", (int)n, key.p + 1);
    for (char *p = why->field; *p; p++)
        if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\' || (unsigned char)*p > '~')
            *p = '?';
    snprintf(why->detail, sizeof why->detail, "is not known; allowed: %s", allowed);
    return false;
}

bool field_object(struct bytes json, struct problem *why)
{
    if (!json_valid(json))
        return problem_set(why, "", "is not JSON");
    struct json in = json_over(json);
    return json_kind(json_value(&in)) == '{' || problem_set(why, "", "must be a JSON object");
}

bool fields_read(struct bytes json, const struct json_place *places, size_t count,
                 const char *allowed, struct problem *why)
{
    struct json_members m = {.places = places, .count = count};
    if (!json_read(json, &m))
        return problem_set(why, "", "must be a JSON object");
    if (allowed && m.other.n > 0)
        return problem_unknown(why, m.other, allowed);
    return !m.twice || problem_set(why, m.twice, "is there twice");
}

bool field_given(struct bytes value)
{
    return value.n > 0 && json_kind(value) != 'n';
}

bool field_number(struct bytes value, uint64_t *out, const char *field, struct problem *why)
{
    return json_u64(value, out) || problem_set(why, field, "must be a whole number from 0 to 2^53");
}

bool field_text(struct bytes value, struct bytes *out, const char *field, struct arena *scratch,
                struct problem *why)
{
    if (!json_string(value, scratch, out) || out->n == 0 || out->n > KEY_MAX)
        return problem_set(why, field, "must be text of 1 to 255 bytes");
    return true;
}

bool field_user(struct bytes value, struct bytes *user, const char *field, struct arena *scratch,
                struct problem *why)
{
    if (json_string(value, scratch, user) && user_valid(*user))
        return true;
    return problem_set(why, field, USER_VALID);
}

bool field_time(struct bytes value, uint64_t *ms, const char *field, struct arena *scratch,
                struct problem *why)
{
    struct bytes text;
    return (json_string(value, scratch, &text) && clock_read(text, ms)) ||
           problem_set(why, field, "must be a time like 2026-11-23T14:45:00Z (RFC 3339)");
}

bool field_category(struct bytes value, struct bytes *out, struct arena *scratch,
                    struct problem *why)
{
    return (json_string(value, scratch, out) && out->n > 0 && out->n <= CATEGORY_MAX) ||
           problem_set(why, "category", "must be text of 1 to 64 bytes");
}

struct bytes fingerprint(struct bytes json, struct arena *scratch)
{
    uint8_t *hash = arena_alloc(scratch, 16);
    if (!hash)
        return (struct bytes){0};
    struct buf compact;
    buf_init(&compact, json.n + 1);
    json_write_compact(&compact, json);
    hash128(buf_all(&compact), hash);
    buf_fini(&compact);
    return (struct bytes){(char *)hash, 16};
}
