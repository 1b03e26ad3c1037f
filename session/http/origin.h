/* SPDX-License-Identifier: Apache-2.0 */
/* origin.h -- which pages may talk to us, by what their browser says of them. Pure.
 *
 * Rules   no Origin: not a page. Our own host (whatever its scheme and port, which a proxy may have
 *         changed), or one of session/origins, of whose entries only the parts that are given are
 *         compared: https://example.com, https://example.com:8443, //example.com, //example.com:8443,
 *         //(star).example.com for that host and all below it; or a star alone for all pages.
 * Source  RFC 6454; Phoenix's check_origin. */
#pragma once

#include "lib/buf.h"

/* One of `list`, comma between, is this origin's. */
bool origin_listed(const char *list, const char *origin);

/* A page of `origin` (NULL: none) may talk to `host` (of the request; NULL: none). */
bool origin_allowed(const char *list, const char *origin, const char *host);

/* Every entry is one; else `bad` is the first that is not. */
bool origins_valid(const char *list, struct bytes *bad);

/* The host of `scheme://host:port` or `host:port`, without the port; [::1] keeps its brackets. */
struct bytes origin_host(const char *text);
bool same_host(struct bytes a, struct bytes b);
