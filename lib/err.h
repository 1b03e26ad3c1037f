/* SPDX-License-Identifier: Apache-2.0 */
/* err.h -- what a call can answer, and what a caller can do about it.
 *
 * The numbers travel in replies between processes: append only. */
#pragma once

#define ERRORS(X)                                                                                  \
    X(OK, "done")                                                                                  \
    X(FULL, "a limit we set is reached")                                                           \
    X(PROTOCOL, "the peer broke the protocol")                                                     \
    X(LATER, "not now; ask again")                                                                 \
    X(INVALID, "the request says something that is not allowed")                                   \
    X(CONFLICT, "the same key was used for another request")                                       \
    X(TOO_OLD, "the log does not reach back that far")                                             \
    X(NO_SPACE, "the disk is full: nothing is written until there is room")                        \
    X(NOT_FOUND, "there is no such thing")                                                         \
    X(WORLD, "the disk or the system failed")                                                      \
    X(UNKNOWN, "no answer came: it may have been done or not")                                     \
    X(FORBIDDEN, "not for this user")

#define AS_ERR(name, doc) ERR_##name,
enum err { ERRORS(AS_ERR) ERR_COUNT };
#undef AS_ERR

/* Its name (NO_SPACE) and its sentence; both static. */
const char *err_name(enum err e);
const char *err_text(enum err e);
