/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h -- the answer of an HTTP request, given once: within its handler, or later.
 *
 * Errors      application/problem+json (RFC 9457), with the name of the field that is wrong.
 * Headers     Cache-Control: no-store, but of a page; CORS as session/origins says (origin.h). */
#pragma once

#include "session/http/request.h"

/* `headers`: NULL, or name, value, ..., NULL. */
void http_answer(struct session *s, struct request *r, unsigned status, const char *type,
                 struct bytes body, const char *const *headers);

/* The same with a response that is shared (a page); keeps the caller's reference. */
void http_answer_with(struct session *s, struct request *r, unsigned status,
                      struct MHD_Response *response);

/* The same with one that is this request's own; takes the reference. */
void http_answer_own(struct session *s, struct request *r, unsigned status,
                     struct MHD_Response *response);

/* A long-poll's JSON body: HTTP 200, open to other origins. */
void http_answer_poll(struct session *s, struct request *r, struct bytes json);

/* application/problem+json; field may be empty. */
void http_problem(struct session *s, struct request *r, unsigned status, const char *field,
                  const char *detail);

/* The same for a limit, by its name in limits.h. */
void http_limit(struct session *s, struct request *r, unsigned status, const char *limit,
                const char *detail);
