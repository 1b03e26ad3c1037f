/* SPDX-License-Identifier: Apache-2.0 */
/* presence_hand.h -- what presence_live.c and presence_find.c share. */
#pragma once

struct session;
struct presence *presence_core(const struct session *s);
