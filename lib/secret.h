/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h -- keys: made, kept in a file, used. Source: OpenSSL's RAND, EVP_MAC,
 * CRYPTO_memcmp. */
#pragma once

#include "lib/buf.h"

enum { SECRET_SIZE = 32, SECRET_TEXT = 4 * SECRET_SIZE, MAC_SIZE = 32 };

void secret_random(void *out, size_t n);

/* What a file of a secret says, but for white space at its end: SECRET_SIZE bytes at least, and fewer than
 * SECRET_TEXT. False: it is none, and `out` is as it was. */
bool secret_read(struct bytes text, char out[SECRET_TEXT]);

/* The text of `file`, made of fresh randomness (43 letters, mode 0600) when it is not there. One that
 * is no secret is refused (EINVAL). False: errno says why. */
bool secret_load(const char *file, char out[SECRET_TEXT]);

/* HMAC-SHA256. The key is not empty. */
void mac(struct bytes key, struct bytes message, uint8_t out[MAC_SIZE]);

/* Equal, in a time that does not depend on where they differ. */
bool secret_equal(struct bytes a, struct bytes b);
