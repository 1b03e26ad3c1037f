/* SPDX-License-Identifier: Apache-2.0 */
/* addresses.h -- from where connections come, and how many from each place.
 *
 * The idea    an address is who connected, or who a trusted proxy (session/proxies) says it was:
 *             the last one in X-Forwarded-For that is no such proxy. Of IPv6 its /64 counts, as that is
 *             what one customer has.
 * Rules       loopback and the trusted proxies themselves are not counted: behind them are many.
 * Size        about 50 bytes for each address that has a connection. */
#pragma once

#include "session/socket/conn.h"
#include "session/http/http.h"

struct sockaddr;
struct address;

void addresses_init(struct session *s);
void addresses_fini(struct session *s);

/* From where a request comes, or NULL where that is not counted; `full` where it has no room for one more. Held
 * until address_leave(). */
struct address *address_enter(struct session *s, const struct sockaddr *peer, const char *forwarded,
                              bool *full);
void address_leave(struct session *s, struct address **slot);

/* The very address, for the application; and as text. */
void address_ip(const struct session *s, const struct sockaddr *peer, const char *forwarded,
                uint8_t out[IP_SIZE]);
void ip_write(struct buf *out, const uint8_t ip[IP_SIZE]);

/* session/proxies is a list of addresses, comma between. */
bool proxies_valid(const char *list);
