/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h -- which request goes where. */
#pragma once

#include "session/http/http.h"

/* Begins `body` where it is NDJSON: what a line has follows. */
#define ROUTE_LINES "lines: "

/* A path and a method; /openapi.json is printed from them. */
struct route {
    const char *path; /* {NAME}: what the request says there */
    enum http_method method;
    void (*handle)(struct session *s, struct request *r);
    bool (*admit)(struct session *s, struct request *r); /* whose body it takes; NULL: nobody's */
    unsigned scope;    /* enum scope: what a key must have; 0: none is asked for */
    const char *query; /* what it knows there: query.h */
    const char *body;  /* the members that it knows; NULL: none */
    const char *what;  /* it does */
};
extern const struct route routes[];
extern const size_t routes_count;

/* A request's headers are there: whether its body is to be read, and kept, which costs memory before
 * anybody is known. False: it is answered. */
bool routes_admit(struct session *s, struct request *r);

/* A request is complete: answer it, or leave it to be answered later. */
void routes_handle(struct session *s, struct request *r);

/* The request is over, answered or not. */
void routes_forget(struct session *s, struct request *r);
