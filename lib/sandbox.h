/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h -- a process gives up what it has no use for, for good: whoever takes it over has no more.
 *
 * Shape   sandbox_enter() once, before any thread is made: no new privileges, and of root's none but to
 *         read its way through another user's folders; no system call but those that a server needs (it starts no program nor
 *         process, looks into no other and tells it nothing, changes no user and no file's mode, and of
 *         sockets has only those said); no file but those said, and what /usr, /etc, /proc have to read.
 * Errors  what the kernel does not have is left out, and said in the log; so are the sanitizers' builds, which
 *         need more.
 * Source  prctl(2) PR_SET_NO_NEW_PRIVS, seccomp(2) by libseccomp, landlock(7),
 *         capabilities(7). */
#pragma once

#include <stdbool.h>

enum { SANDBOX_PATHS = 6 };

struct sandbox {
    const char *write[SANDBOX_PATHS]; /* folders that it may change; NULL or empty: none */
    const char *read[SANDBOX_PATHS];  /* files and folders that it may read, beside */
    const char *list;                 /* folder whose names it may see, and no more */
    bool local;                       /* sockets of this machine: it binds or connects ipc:// */
    bool connects;                    /* to others; else it speaks with who has connected to it */
    bool internet;                    /* sockets of IP */
    bool interfaces;                  /* it may ask which addresses this machine has: libzmq does */
    bool kill;                        /* it may end other processes */
};

void sandbox_enter(const struct sandbox *s);

/* What of it there cannot be here; NULL: nothing. */
const char *sandbox_lacks(void);
