/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h -- which request goes where. */
#pragma once

#include "session/http.h"

/* A request's headers are there: whether its body is to be read, and kept, which costs memory before
 * anybody is known. False: it is answered. */
bool routes_admit(struct session *s, struct request *r);

/* A request is complete: answer it, or leave it to be answered later. */
void routes_handle(struct session *s, struct request *r);

/* The request is over, answered or not. */
void routes_forget(struct session *s, struct request *r);
