/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h -- keys: made, kept in a file, used. Source: OpenSSL's RAND, EVP_MAC,
 * CRYPTO_memcmp. */
#pragma once

#include "lib/buf.h"

enum { SECRET_SIZE = 32, SECRET_TEXT = 4 * SECRET_SIZE, MAC_SIZE = 32 };

void secret_random(void *out, size_t n);

/* The text of `file`, made of fresh randomness (43 letters, mode 0600) when it is not there. A file
 * of fewer than SECRET_SIZE bytes, or of SECRET_TEXT or more, is refused (EINVAL). False: errno
 * says why. */
bool secret_load(const char *file, char out[SECRET_TEXT]);

/* HMAC-SHA256. The key is not empty. */
void mac(struct bytes key, struct bytes message, uint8_t out[MAC_SIZE]);

/* Equal, in a time that does not depend on where they differ. */
bool secret_equal(struct bytes a, struct bytes b);
