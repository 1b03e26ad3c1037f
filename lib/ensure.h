/* SPDX-License-Identifier: Apache-2.0 */
/* ensure.h -- what must be true, checked in every build.
 *
 * A failed ENSURE is a bug of ours: it says where and aborts, and the supervisor starts us again.
 * Never on a peer's bytes, never with a side effect. */
#pragma once

#define ENSURE(what) ((what) ? (void)0 : ensure_failed(#what, __FILE__, __LINE__))

_Noreturn void ensure_failed(const char *what, const char *file, int line);
