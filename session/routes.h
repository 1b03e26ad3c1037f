/* SPDX-License-Identifier: Apache-2.0 */
/* routes.h -- which request goes where. */
#pragma once

#include "session/http.h"

/* A request is complete: answer it, or leave it to be answered later. */
void routes_handle(struct session *s, struct request *r);

/* The request is over, answered or not. */
void routes_forget(struct session *s, struct request *r);
