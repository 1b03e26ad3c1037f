/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/query.h"

#include "lib/json.h"
#include "session/actions/fields.h"

#include <stdio.h>

/* A walk over the parameters of a request: what is wrong with the first that is. */
struct looking {
    const char *allowed;
    unsigned found; /* bits, in the order of `allowed` */
    struct problem why;
};

/* Its place among words with a space between; -1: it is not there. */
static int place_of(const char *words, const char *name, size_t n)
{
    int place = 0;
    for (const char *at = words; *at; place++) {
        size_t len = strcspn(at, " ");
        if (len == n && memcmp(at, name, n) == 0)
            return place;
        at += len;
        at += strspn(at, " ");
    }
    return -1;
}

/* As it stands, but without what JSON or a terminal would take for something else. */
static void name_set(struct problem *why, const char *name, size_t n)
{
    size_t i = 0;
    for (; i < n && i < sizeof why->field - 1; i++) {
        unsigned char c = (unsigned char)name[i];
        why->field[i] = c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : name[i];
    }
    why->field[i] = '\0';
}

static bool look(void *about, struct bytes name)
{
    struct looking *l = about;
    int place = place_of(l->allowed, name.p, name.n);
    bool twice = place >= 0 && (l->found >> place & 1);
    if (place >= 0 && !twice) {
        l->found |= 1u << place;
        return true;
    }
    name_set(&l->why, name.p, name.n);
    snprintf(l->why.detail, sizeof l->why.detail, "%s%s",
             twice         ? "is there twice"
             : *l->allowed ? "is not known; in the query allowed: "
                           : "is not known; nothing is allowed in the query",
             twice ? "" : l->allowed);
    return false;
}

bool query_known(struct session *s, struct request *r, const char *allowed)
{
    struct looking l = {.allowed = allowed ? allowed : ""};
    if (request_query_each(r, look, &l))
        return true;
    http_problem(s, r, 400, l.why.field, l.why.detail);
    return false;
}

bool query_number(struct session *s, struct request *r, const char *name, uint64_t absent,
                  uint64_t least, uint64_t most, uint64_t *out)
{
    struct bytes text = request_query(r, name);
    char detail[80];
    *out = absent;
    if (text.n == 0 || (json_u64(text, out) && *out >= least && *out <= most))
        return true;
    snprintf(detail, sizeof detail, "must be a whole number from %llu to %llu",
             (unsigned long long)least, (unsigned long long)most);
    http_problem(s, r, 400, name, detail);
    return false;
}

bool query_flag(struct session *s, struct request *r, const char *name, bool *out)
{
    struct bytes text = request_query(r, name);
    *out = bytes_is(text, "1") || bytes_is(text, "true");
    if (*out || !text.p || bytes_is(text, "0") || bytes_is(text, "false"))
        return true;
    http_problem(s, r, 400, name, "must be 1, true, 0 or false");
    return false;
}
