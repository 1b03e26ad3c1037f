/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h -- XXH3 of bytes. Seed what a client can choose; not for secrets. Source: xxhash.h. */
#pragma once

#include "lib/buf.h"

uint64_t hash64(struct bytes bytes, uint64_t seed);

/* 16 bytes, the same on every machine. */
void hash128(struct bytes bytes, uint8_t out[16]);
