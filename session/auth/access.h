/* SPDX-License-Identifier: Apache-2.0 */
/* access.h -- may this user do this with this topic? Pure; what only the store knows is said so. */
#pragma once

#include "proto/classes.h"

/* member: if the store says so; hook: if the application does */
enum allowed { ALLOWED_no, ALLOWED_yes, ALLOWED_member, ALLOWED_hook };

struct visitor {
    struct bytes user;   /* empty: a socket without a token */
    struct bytes topics; /* the token's claim: patterns, comma between */
};

/* What a user's token that asks by HTTP for a topic is told. */
const char *access_refused(enum allowed allowed);

enum allowed access_allows(enum access access, const struct topic_class *class, struct bytes topic,
                           const struct visitor *who);
