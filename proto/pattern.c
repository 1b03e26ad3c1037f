/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pattern.h"

#include "lib/ensure.h"
#include "proto/topic.h"

/* The name in the braces at `p`, and what follows them; when it is no placeholder n is 0, and *behind
 * is p. */
static struct bytes placeholder(const char *p, const char **behind)
{
    const char *close = *p == '{' ? strchr(p, '}') : NULL;
    *behind = p;
    if (!close || close == p + 1)
        return (struct bytes){0};
    *behind = close + 1;
    return (struct bytes){p + 1, (size_t)(close - p - 1)};
}

static bool has_name(const struct bytes *names, size_t n, struct bytes name)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_equal(names[i], name))
            return true;
    return false;
}

bool pattern_valid(const char *pattern)
{
    struct bytes names[CAPTURES_MAX];
    size_t n = 0;
    if (!topic_valid(bytes_of(pattern)))
        return false;
    for (const char *p = pattern; *p;) {
        const char *behind = p + 1;
        if (*p == '}')
            return false;
        if (*p == '{') {
            struct bytes name = placeholder(p, &behind);
            if (name.n == 0 || memchr(name.p, '{', name.n) || *behind == '{' || n == CAPTURES_MAX ||
                has_name(names, n, name))
                return false;
            names[n++] = name;
        }
        p = behind;
    }
    return true;
}

/* Only the last placeholder is ever made longer: between two colons it stands for what a * of a
 * shell does, and whatever an earlier one gave up, the last one could take; and none goes over a
 * colon, so what stands before one stays as it is. */
bool pattern_match(const char *pattern, struct bytes topic, struct capture captures[CAPTURES_MAX],
                   size_t *n)
{
    struct capture found[CAPTURES_MAX];
    size_t count = 0;
    const char *p = topic.p, *end = topic.p + topic.n;
    const char *behind = NULL; /* the last placeholder */
    for (;;) {
        const char *next;
        struct bytes name = placeholder(pattern, &next);
        if (name.n > 0 && p < end && *p != ':') {
            ENSURE(count < CAPTURES_MAX);
            found[count++] = (struct capture){name, {p++, 1}};
            pattern = behind = next;
        } else if (name.n == 0 && *pattern && p < end && *p == *pattern) {
            p++;
            pattern++;
        } else if (!*pattern && p == end) {
            break;
        } else { /* one byte more for the last one */
            struct bytes *value = count ? &found[count - 1].value : NULL;
            if (!value || value->p + value->n == end || value->p[value->n] == ':')
                return false;
            p = value->p + ++value->n;
            pattern = behind;
        }
    }
    if (captures && count > 0)
        memcpy(captures, found, count * sizeof *found);
    if (n)
        *n = count;
    return true;
}

/* A pattern with its names away: bytes, and for each placeholder ONE and MORE. */
enum { END = 256, ONE, MORE, STEPS_MAX = TOPIC_MAX + 2 };

static size_t steps_of(const char *pattern, uint16_t out[STEPS_MAX])
{
    size_t n = 0;
    for (const char *p = pattern; *p;) {
        ENSURE(n + 2 < STEPS_MAX); /* {x} takes three bytes and gives two */
        if (placeholder(p, &p).n > 0) {
            out[n++] = ONE;
            out[n++] = MORE;
        } else {
            out[n++] = (uint8_t)*p++;
        }
    }
    out[n] = END;
    return n;
}

/* Both may take the same byte. */
static bool meet(uint16_t a, uint16_t b)
{
    if (a == END || b == END)
        return false;
    if (a < END && b < END)
        return a == b;
    return a != ':' && b != ':';
}

/* can[j]: what is left of `a` from i on, and of `b` from j on, have a text in common. By rows from
 * the end; `below` is the row of i + 1. */
bool pattern_overlap(const char *a, const char *b)
{
    uint16_t steps_a[STEPS_MAX], steps_b[STEPS_MAX];
    size_t n = steps_of(a, steps_a), m = steps_of(b, steps_b);
    bool rows[2][STEPS_MAX + 1] = {{0}};
    for (size_t i = n + 1; i-- > 0;) {
        bool *can = rows[i % 2], *below = rows[(i + 1) % 2];
        can[m + 1] = false;
        for (size_t j = m + 1; j-- > 0;) {
            uint16_t x = steps_a[i], y = steps_b[j];
            can[j] = (x == END && y == END) || (x == MORE && below[j]) ||
                     (y == MORE && can[j + 1]) ||
                     (meet(x, y) && (x == MORE   ? can[j + 1]
                                     : y == MORE ? below[j]
                                                 : below[j + 1]));
        }
    }
    return rows[0][0];
}

bool pattern_same(const char *a, const char *b)
{
    uint16_t steps_a[STEPS_MAX], steps_b[STEPS_MAX];
    size_t n = steps_of(a, steps_a), m = steps_of(b, steps_b);
    return n == m && memcmp(steps_a, steps_b, n * sizeof *steps_a) == 0;
}

void template_write(struct buf *out, const char *text, const struct capture *captures, size_t n)
{
    while (*text) {
        const char *behind;
        struct bytes name = placeholder(text, &behind);
        size_t i = 0;
        while (i < n && !bytes_equal(captures[i].name, name))
            i++;
        if (name.n > 0 && i < n) {
            buf_bytes(out, captures[i].value);
            text = behind;
        } else {
            buf_byte(out, (uint8_t)*text++);
        }
    }
}

static bool has_placeholder(const char *pattern, struct bytes name)
{
    const char *behind;
    while (*pattern && !bytes_equal(placeholder(pattern, &behind), name))
        pattern++;
    return *pattern;
}

struct bytes template_unknown(const char *text, const char *pattern, const char *also)
{
    for (; *text; text++) {
        const char *behind;
        struct bytes name = placeholder(text, &behind);
        if (name.n > 0 && !bytes_is(name, also) && !has_placeholder(pattern, name))
            return name;
    }
    return (struct bytes){0};
}
