/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json.h"

#include "lib/ensure.h"

#include <stdio.h>

struct json json_over(struct bytes text)
{
    return (struct json){text.p, text.p + text.n, true};
}

static void space(struct json *in)
{
    while (in->p < in->end && (*in->p == ' ' || *in->p == '\n' || *in->p == '\r' || *in->p == '\t'))
        in->p++;
}

static void fail(struct json *in)
{
    in->ok = false;
    in->p = in->end;
}

static char peek(const struct json *in)
{
    return in->p < in->end ? *in->p : '\0';
}

static void word(struct json *in, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(in->end - in->p) < n || memcmp(in->p, text, n) != 0)
        fail(in);
    else
        in->p += n;
}

static void digits(struct json *in)
{
    const char *from = in->p;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9')
        in->p++;
    if (in->p == from)
        fail(in);
}

static void number(struct json *in)
{
    if (peek(in) == '-')
        in->p++;
    if (peek(in) == '0')
        in->p++;
    else
        digits(in);
    if (peek(in) == '.') {
        in->p++;
        digits(in);
    }
    if (peek(in) == 'e' || peek(in) == 'E') {
        in->p++;
        if (peek(in) == '+' || peek(in) == '-')
            in->p++;
        digits(in);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hex digits at p, which has them or not; -1 when not. */
static int hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int n = 0;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        n = n * 16 + d;
    }
    return n;
}

/* Behind a backslash. A high surrogate must be followed by a low one. */
static void escape(struct json *in)
{
    char c = peek(in);
    if (c == '\0' || !strchr("\"\\/bfnrtu", c)) {
        fail(in);
        return;
    }
    in->p++;
    if (c != 'u')
        return;
    int unit = hex4(in->p, in->end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        fail(in);
        return;
    }
    in->p += 4;
    if (unit < 0xd800 || unit > 0xdbff)
        return;
    int low = in->end - in->p >= 6 && in->p[0] == '\\' && in->p[1] == 'u' ? hex4(in->p + 2, in->end)
                                                                          : -1;
    if (low < 0xdc00 || low > 0xdfff)
        fail(in);
    else
        in->p += 6;
}

/* One character of two to four bytes: RFC 3629's table, so neither overlong nor a surrogate. */
static void multibyte(struct json *in)
{
    const unsigned char *p = (const unsigned char *)in->p;
    size_t left = (size_t)(in->end - in->p);
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n) {
        fail(in);
        return;
    }
    unsigned char least = 0x80, most = 0xbf; /* of the second byte */
    if (p[0] == 0xe0)
        least = 0xa0;
    if (p[0] == 0xed)
        most = 0x9f;
    if (p[0] == 0xf0)
        least = 0x90;
    if (p[0] == 0xf4)
        most = 0x8f;
    bool good = p[1] >= least && p[1] <= most;
    for (size_t i = 2; i < n; i++)
        good = good && p[i] >= 0x80 && p[i] <= 0xbf;
    if (good)
        in->p += n;
    else
        fail(in);
}

/* Eight bytes at once, none of them a quote, a backslash, a control character or non-ASCII. */
static bool plain8(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t w;
    memcpy(&w, p, sizeof w);
    uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
    uint64_t odd = w | (w - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return (odd & tops) == 0;
}

static void string(struct json *in)
{
    in->p++;
    while (in->p < in->end) {
        if (in->end - in->p >= 8 && plain8(in->p)) {
            in->p += 8;
            continue;
        }
        unsigned char c = (unsigned char)*in->p;
        if (c == '"') {
            in->p++;
            return;
        }
        if (c < 0x20) {
            break;
        } else if (c == '\\') {
            in->p++;
            escape(in);
        } else if (c >= 0x80) {
            multibyte(in);
        } else {
            in->p++;
        }
    }
    fail(in);
}

static void value(struct json *in, int depth);

static void object(struct json *in, int depth)
{
    in->p++;
    space(in);
    if (peek(in) == '}') {
        in->p++;
        return;
    }
    while (in->ok) {
        space(in);
        if (peek(in) != '"')
            break;
        string(in);
        space(in);
        if (peek(in) != ':')
            break;
        in->p++;
        value(in, depth);
        char c = peek(in);
        if (c == '}') {
            in->p++;
            return;
        }
        if (c != ',')
            break;
        in->p++;
    }
    fail(in);
}

static void array(struct json *in, int depth)
{
    in->p++;
    space(in);
    if (peek(in) == ']') {
        in->p++;
        return;
    }
    while (in->ok) {
        value(in, depth);
        char c = peek(in);
        if (c == ']') {
            in->p++;
            return;
        }
        if (c != ',')
            break;
        in->p++;
    }
    fail(in);
}

/* One value with the white space on both sides of it. */
static void value(struct json *in, int depth)
{
    space(in);
    char kind = peek(in);
    if ((kind == '{' || kind == '[') && depth == JSON_DEPTH) {
        fail(in);
        return;
    }
    switch (kind) {
    case '{':
        object(in, depth + 1);
        break;
    case '[':
        array(in, depth + 1);
        break;
    case '"':
        string(in);
        break;
    case 't':
        word(in, "true");
        break;
    case 'f':
        word(in, "false");
        break;
    case 'n':
        word(in, "null");
        break;
    default:
        number(in);
    }
    if (in->ok)
        space(in);
}

struct bytes json_value(struct json *in)
{
    space(in);
    const char *from = in->p;
    value(in, 0);
    if (!in->ok)
        return (struct bytes){0};
    const char *to = in->p;
    while (to > from && strchr(" \n\r\t", to[-1]))
        to--;
    return (struct bytes){from, (size_t)(to - from)};
}

bool json_end(struct json *in)
{
    if (in->ok)
        space(in);
    return in->ok && in->p == in->end;
}

void json_enter(struct json *in, char bracket)
{
    space(in);
    if (peek(in) != bracket)
        fail(in);
    else
        in->p++;
}

/* Before an element: false at the closing bracket, which is taken. */
static bool more(struct json *in, char closing)
{
    if (!in->ok)
        return false;
    space(in);
    if (peek(in) != closing)
        return true;
    in->p++;
    return false;
}

/* Behind an element: the closing bracket, or a comma and another element. */
static bool separated(struct json *in, char closing)
{
    if (peek(in) == ',') {
        in->p++;
        space(in);
        if (peek(in) == closing)
            fail(in);
    } else if (peek(in) != closing) {
        fail(in);
    }
    return in->ok;
}

bool json_element(struct json *in, struct bytes *out)
{
    if (!more(in, ']'))
        return false;
    *out = json_value(in);
    return in->ok && separated(in, ']');
}

bool json_member(struct json *in, struct bytes *key, struct bytes *out)
{
    if (!more(in, '}'))
        return false;
    *key = json_value(in);
    if (!in->ok || json_kind(*key) != '"' || peek(in) != ':') {
        fail(in);
        return false;
    }
    in->p++;
    *out = json_value(in);
    return in->ok && separated(in, '}');
}

/* Which of the places has this name; `count`: none. */
static size_t place_of(const struct json_members *m, struct bytes key)
{
    size_t i = 0;
    while (i < m->count && !json_key_is(key, m->places[i].name))
        i++;
    return i;
}

bool json_read(struct bytes object, struct json_members *m)
{
    struct json in = json_over(object);
    struct bytes key, v;
    uint64_t seen = 0; /* a bit a place */
    ENSURE(m->count <= JSON_PLACES);
    m->other = (struct bytes){0};
    m->twice = NULL;
    json_enter(&in, '{');
    while (json_member(&in, &key, &v)) {
        size_t i = place_of(m, key);
        if (i == m->count) {
            m->other = m->other.n > 0 ? m->other : key;
            continue;
        }
        if (seen >> i & 1 && !m->twice)
            m->twice = m->places[i].name;
        seen |= UINT64_C(1) << i;
        if (m->places[i].to)
            *m->places[i].to = v;
    }
    return json_end(&in);
}

const char *json_twice(const struct json_members *m, struct arena *scratch)
{
    if (!m->twice)
        return NULL;
    size_t size = strlen(m->twice) + sizeof " is there twice";
    char *says = arena_alloc(scratch, size);
    if (says)
        snprintf(says, size, "%s is there twice", m->twice);
    return says ? says : "a member is there twice";
}

bool json_valid(struct bytes text)
{
    struct json in = json_over(text);
    json_value(&in);
    return json_end(&in);
}

bool utf8_valid(struct bytes text)
{
    struct json in = json_over(text);
    while (in.ok && in.p < in.end) {
        if ((unsigned char)*in.p < 0x80)
            in.p++;
        else
            multibyte(&in);
    }
    return in.ok;
}

char json_kind(struct bytes v)
{
    ENSURE(v.n > 0);
    return v.p[0] == '-' || (v.p[0] >= '0' && v.p[0] <= '9') ? '0' : v.p[0];
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* The character behind a backslash; *p moves over it. The text is checked. */
static unsigned escaped(const char **p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = *(*p)++;
    if (c != 'u')
        return (unsigned char)to[strchr(from, c) - from];
    unsigned code = (unsigned)hex4(*p, *p + 4);
    *p += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        unsigned low = (unsigned)hex4(*p + 2, *p + 6);
        *p += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return code;
}

bool json_string(struct bytes v, struct arena *scratch, struct bytes *out)
{
    if (json_kind(v) != '"')
        return false;
    struct bytes inside = {v.p + 1, v.n - 2};
    if (!memchr(inside.p, '\\', inside.n)) {
        *out = inside;
        return true;
    }
    char *room = arena_alloc(scratch, inside.n); /* unescaping never makes it longer */
    if (!room)
        return false;
    char *to = room;
    for (const char *p = inside.p, *end = p + inside.n; p < end;) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        p++;
        to = put_utf8(to, escaped(&p));
    }
    *out = (struct bytes){room, (size_t)(to - room)};
    return true;
}

bool json_key_is(struct bytes key, const char *name)
{
    struct bytes inside = {key.p + 1, key.n - 2};
    if (!memchr(inside.p, '\\', inside.n))
        return bytes_is(inside, name);
    if (inside.n > 64 * 6)
        return false; /* longer than any name of ours, however it is escaped */
    char room[64 * 6 + 16];
    struct arena scratch = {.p = room, .cap = sizeof room};
    struct bytes plain;
    return json_string(key, &scratch, &plain) && bytes_is(plain, name);
}

bool json_u64(struct bytes v, uint64_t *out)
{
    uint64_t n = 0;
    if (v.n == 0 || v.n > 16)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    *out = n;
    return n <= UINT64_C(1) << 53;
}

/* The letter of a short escape, or NUL. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

void json_write_string(struct buf *out, struct bytes text)
{
    static const char hex[] = "0123456789abcdef";
    buf_byte(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, text.p + from, i - from);
        from = i + 1;
        char letter = short_escape(c);
        char escaped_text[] = {'\\', letter ? letter : 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        buf_add(out, escaped_text, letter ? 2 : sizeof escaped_text);
    }
    buf_add(out, text.p + from, text.n - from);
    buf_byte(out, '"');
}

void json_write_compact(struct buf *out, struct bytes v)
{
    const char *p = v.p, *end = v.p + v.n, *from = p;
    while (p < end) {
        if (*p == '"') {
            struct json in = {p, end, true};
            string(&in);
            p = in.p;
        } else if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') {
            buf_add(out, from, (size_t)(p - from));
            from = ++p;
        } else {
            p++;
        }
    }
    buf_add(out, from, (size_t)(end - from));
}
