/* SPDX-License-Identifier: Apache-2.0 */
/* hook.h -- what the parts of this process share: its counters. */
#pragma once

#include "lib/counters.h"
#include "proto/settings.h"

#define HOOK_COUNTERS(X)                                                                           \
    X(hook_questions, total, "questions of session processes")                                     \
    X(hook_cached, total, "of them, those answered from memory")                                   \
    X(hook_shared, total, "of them, those that joined one under way")                              \
    X(hook_full, total, "of them, those refused as hook/queue were waiting")                       \
    X(hook_waiting, gauge, "questions that wait for an answer now")                                \
    X(hook_requests, total, "questions that the application was asked")                            \
    X(hook_late, total, "of them, those it did not answer in time")                                \
    X(hook_unreached, total, "of them, those for which it could not be reached")                   \
    X(hook_bad, total, "of them, those it answered, but not as it should")                         \
    X(hook_known, gauge, "answers that are remembered now")                                        \
    X(jwks_fetches, total, "looks at the URL of auth/jwks")                                        \
    X(jwks_failed, total, "of them, those that brought no keys: the old ones hold")                \
    X(jwks_failing, gauge, "1: the last look failed")                                              \
    X(jwks_keys, gauge, "keys that the URL of auth/jwks has, as far as we know them")

enum { HOOK_COUNTERS(COUNTER_INDEX) COUNT_hook };
