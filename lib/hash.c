/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(struct bytes bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.p, bytes.n, seed);
}

void hash128(struct bytes bytes, uint8_t out[16])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.p, bytes.n));
    memcpy(out, canonical.digest, 16);
}
