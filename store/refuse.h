/* SPDX-License-Identifier: Apache-2.0 */
/* refuse.h -- which message answers which, and the answer that says no. */
#pragma once

#include "proto/messages.h"

/* Append the answer that refuses a request, of any kind that has an answer. */
void answer_refused(struct buf *out, const struct msg *m, enum err status);
