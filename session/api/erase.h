/* SPDX-License-Identifier: Apache-2.0 */
/* erase.h -- a user is forgotten, over HTTP. Source: docs/api.md "Users". */
#pragma once

#include "session/http/http.h"

void users_erase(struct session *s, struct request *r);
void erasures_one(struct session *s, struct request *r);
