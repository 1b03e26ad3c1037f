/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/apikeys.h"

#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/secret.h"

#include <ctype.h>
#include <openssl/evp.h>

#define PREFIX "bk_"

#define AS_NAME(name, doc) #name,
static const char *const scope_names[] = {SCOPES(AS_NAME)};

static void hash_of(struct bytes text, uint8_t out[APIKEY_HASH])
{
    unsigned n = 0;
    ENSURE(EVP_Digest(text.p, text.n, out, &n, EVP_sha256(), NULL) == 1);
    ENSURE(n == APIKEY_HASH);
}

/* What stands before `mark`, which is cut off with it. */
static struct bytes before(struct bytes *text, char mark)
{
    const char *at = text->n > 0 ? memchr(text->p, mark, text->n) : NULL;
    struct bytes part = {text->p, at ? (size_t)(at - text->p) : text->n};
    size_t skip = at ? part.n + 1 : part.n;
    *text = (struct bytes){text->p + skip, text->n - skip};
    return part;
}

unsigned scopes_read(struct bytes text)
{
    unsigned scopes = 0;
    do {
        struct bytes one = before(&text, ',');
        unsigned bit = 0;
        while (bit < SCOPE_COUNT && !bytes_is(one, scope_names[bit]))
            bit++;
        if (bit == SCOPE_COUNT)
            return 0;
        scopes |= 1u << bit;
    } while (text.n > 0);
    return scopes;
}

void scopes_write(struct buf *out, unsigned scopes)
{
    const char *mark = "";
    for (unsigned bit = 0; bit < SCOPE_COUNT; bit++) {
        if (!(scopes & 1u << bit))
            continue;
        buf_text(out, mark);
        buf_text(out, scope_names[bit]);
        mark = ",";
    }
}

bool apikey_name_valid(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '-' && name.p[i] != '_')
            return false;
    return name.n > 0 && name.n <= APIKEY_NAME;
}

static bool hex_read(struct bytes text, uint8_t out[APIKEY_HASH])
{
    static const char digits[] = "0123456789abcdef";
    if (text.n != (size_t)2 * APIKEY_HASH)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        const char *digit = text.p[i] ? strchr(digits, text.p[i]) : NULL;
        if (!digit)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit - digits));
    }
    return true;
}

static const char *read_line(struct apikey *key, struct bytes line)
{
    struct bytes name = before(&line, ' '), scopes = before(&line, ' ');
    struct bytes hash = before(&line, ' ');
    *key = (struct apikey){.scopes = scopes_read(scopes)};
    if (!apikey_name_valid(name))
        return "a name has 1 to 32 letters, digits, - and _";
    if (key->scopes == 0)
        return "scopes are create, publish, read, admin, comma between";
    if (!hex_read(hash, key->hash))
        return "the third word must be 64 hexadecimal digits";
    if (!clock_read(line, &key->made_ms))
        return "the fourth word must be a time";
    memcpy(key->name, name.p, name.n);
    return NULL;
}

static bool named(const struct apikeys *keys, const char *name)
{
    for (unsigned i = 0; i < keys->n; i++)
        if (strcmp(keys->list[i].name, name) == 0)
            return true;
    return false;
}

static const char *read_lines(struct apikeys *keys, struct bytes text, unsigned *line)
{
    struct apikey key;
    for (*line = 1; text.n > 0; ++*line) {
        struct bytes one = before(&text, '\n');
        if (one.n == 0 || one.p[0] == '#')
            continue;
        const char *why = read_line(&key, one);
        if (!why && named(keys, key.name))
            why = "this name stands there twice";
        if (!why && keys->n == APIKEYS_MAX)
            why = "more than 64 keys";
        if (why)
            return why;
        keys->list[keys->n++] = key;
    }
    return NULL;
}

const char *apikeys_read(struct apikeys *keys, struct bytes text, unsigned *line)
{
    keys->n = 0;
    const char *why = read_lines(keys, text, line);
    if (why)
        keys->n = 0;
    return why;
}

void apikeys_write(struct buf *out, const struct apikeys *keys)
{
    buf_text(out, "# The keys of back ends: name, scopes, SHA-256 of the key, when it was made.\n"
                  "# `belfry key` writes this file; it is read again within a second.\n");
    for (unsigned i = 0; i < keys->n; i++) {
        const struct apikey *key = &keys->list[i];
        buf_format(out, "%s ", key->name);
        scopes_write(out, key->scopes);
        buf_byte(out, ' ');
        for (size_t k = 0; k < APIKEY_HASH; k++)
            buf_format(out, "%02x", key->hash[k]);
        buf_byte(out, ' ');
        clock_write(out, key->made_ms);
        buf_byte(out, '\n');
    }
}

void apikey_make(struct apikey *row, char text[APIKEY_TEXT])
{
    uint8_t random[SECRET_SIZE];
    struct buf out = {.p = text, .cap = APIKEY_TEXT, .max = APIKEY_TEXT};
    secret_random(random, sizeof random);
    buf_text(&out, PREFIX);
    base64url_write(&out, (struct bytes){(char *)random, sizeof random});
    hash_of(buf_all(&out), row->hash);
    ENSURE(!out.overflowed && out.n < APIKEY_TEXT);
    text[out.n] = '\0';
}

bool apikey_looks(struct bytes text)
{
    return text.n > sizeof PREFIX - 1 && memcmp(text.p, PREFIX, sizeof PREFIX - 1) == 0;
}

const struct apikey *apikeys_find(const struct apikeys *keys, struct bytes text)
{
    uint8_t hash[APIKEY_HASH];
    const struct apikey *found = NULL;
    hash_of(text, hash);
    for (unsigned i = 0; i < keys->n; i++)
        if (secret_equal((struct bytes){(const char *)keys->list[i].hash, APIKEY_HASH},
                         (struct bytes){(char *)hash, APIKEY_HASH}))
            found = &keys->list[i];
    return found;
}
