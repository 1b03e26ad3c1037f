/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/secret.h"

#include "lib/base64.h"
#include "lib/ensure.h"
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <unistd.h>

void secret_random(void *out, size_t n)
{
    ENSURE(RAND_bytes(out, (int)n) == 1);
}

/* Written beside and linked into place, so that of two processes that start together one wins and
 * neither reads half a key. */
static bool make(const char *file)
{
    uint8_t key[SECRET_SIZE];
    secret_random(key, sizeof key);
    struct buf text;
    buf_init(&text, SECRET_TEXT);
    base64url_write(&text, (struct bytes){(char *)key, sizeof key});
    char fresh[512];
    int n = snprintf(fresh, sizeof fresh, "%s.%ld", file, (long)getpid());
    ENSURE(n > 0 && (size_t)n < sizeof fresh);
    unlink(fresh); /* of one that was killed here, and had our number */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && file_keep(fd, buf_all(&text));
    if (fd >= 0)
        close(fd);
    good = good && (link(fresh, file) == 0 || errno == EEXIST);
    int why = errno;
    unlink(fresh);
    buf_fini(&text);
    errno = why;
    return good;
}

bool secret_read(struct bytes text, char out[SECRET_TEXT])
{
    bool whole = text.n < SECRET_TEXT;
    while (text.n > 0 && strchr("\n\r ", text.p[text.n - 1]))
        text.n--;
    if (text.n < SECRET_SIZE || !whole) /* or cut: somebody's slip */
        return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

bool secret_load(const char *file, char out[SECRET_TEXT])
{
    for (int turn = 0; turn < 2; turn++) {
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            if (errno != ENOENT || !make(file))
                return false;
            continue;
        }
        char text[SECRET_TEXT];
        ssize_t n = read(fd, text, sizeof text);
        close(fd);
        bool good = n > 0 && secret_read((struct bytes){text, (size_t)n}, out);
        explicit_bzero(text, sizeof text);
        errno = EINVAL;
        return good;
    }
    return false;
}

/* Kept, as looking up an algorithm by its name costs OpenSSL more than to hash a token. */
static EVP_MAC_CTX *hmac_sha256(void)
{
    static _Thread_local EVP_MAC_CTX *ctx;
    if (ctx)
        return ctx;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ENSURE(hmac != NULL);
    ctx = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    ENSURE(ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) == 1);
    return ctx;
}

void mac(struct bytes key, struct bytes message, uint8_t out[MAC_SIZE])
{
    EVP_MAC_CTX *ctx = hmac_sha256();
    size_t n = 0;
    ENSURE(key.p != NULL && key.n > 0); /* without one OpenSSL takes the one before */
    ENSURE(EVP_MAC_init(ctx, (const unsigned char *)key.p, key.n, NULL) == 1);
    ENSURE(EVP_MAC_update(ctx, (const unsigned char *)message.p, message.n) == 1);
    ENSURE(EVP_MAC_final(ctx, out, &n, MAC_SIZE) == 1);
    ENSURE(n == MAC_SIZE);
}

bool secret_equal(struct bytes a, struct bytes b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}
