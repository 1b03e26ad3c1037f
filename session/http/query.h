/* SPDX-License-Identifier: Apache-2.0 */
/* query.h -- what stands behind the ? of a request. What is not known there, or wrong, is refused by its
 * name, as in a body. False: it is answered. */
#pragma once

#include "session/http/http.h"

/* `allowed`: names with a space between, at most 32; NULL: none. A name may be there once. */
bool query_known(struct session *s, struct request *r, const char *allowed);

/* A parameter without a value is as none: `absent`; */
bool query_number(struct session *s, struct request *r, const char *name, uint64_t absent,
                  uint64_t least, uint64_t most, uint64_t *out);
/* but not a flag: who names it means something, and is told what it may be. */
bool query_flag(struct session *s, struct request *r, const char *name, bool *out);
