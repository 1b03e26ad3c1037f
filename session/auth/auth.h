/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h -- who is asking.
 *
 * A user brings a token and reaches that user's inbox; a back end brings an API key or a service
 * token and reaches all, as far as its scopes go (proto/apikeys.h). In dev mode, and only from this machine's loopback and under one of its
 * names, a back end brings nothing.
 * Source  docs/operating.md "Keys and tokens". */
#pragma once

#include "proto/apikeys.h"
#include "proto/token.h"
#include "session/socket/conn.h"
#include "session/http/http.h"

enum who_kind { WHO_nobody, WHO_user, WHO_service };

struct who {
    enum who_kind kind;
    struct token token; /* of a user */
    unsigned scopes;    /* of a service: enum scope */
    const char *why;    /* nobody: the reason, for the answer */
    bool barred;        /* nobody: known, but its scopes do not reach what the request asks for */
    const char *key;    /* of a service: the name of its API key, or what stands for one */
    bool crowded;       /* nobody: too many requests of its key wait */
    bool later;         /* nobody: whether the token is revoked is not known yet */
};

/* Answer nobody: 401, 403, 429 or 503, and why. */
void auth_refuse(struct session *s, struct request *r, const struct who *who);

/* Of an API request: its Authorization header, or dev mode. */
void auth_request(struct session *s, struct request *r, struct who *who);

/* A class of topics lets anyone in. */
bool auth_anybody(const struct session *s);

/* Of a socket: this text must be a user's token; or it may be empty, where a class of topics lets
 * anyone in, or the application is asked who it is: then the user is "". */
void auth_socket(struct session *s, struct bytes text, struct who *who);

/* What a connection takes of its token. Borrows from it. */
struct hello auth_hello(const struct session *s, const struct token *t, uint8_t vsn);

/* Of a text that must be a token. */
void auth_token(struct session *s, struct bytes text, struct who *who);

/* With a cookie, this must be there for what changes something; its value does not matter. */
#define CSRF_HEADER "X-Belfry-CSRF"

/* The token in the cookie auth/cookie, where it counts; else empty. */
struct bytes auth_cookie(const struct session *s, const struct request *r);

/* The request's page may talk to us: origin.h. */
bool auth_origin(const struct session *s, const struct request *r);

/* Dev mode holds for this request. */
bool auth_dev(const struct session *s, const struct request *r);
