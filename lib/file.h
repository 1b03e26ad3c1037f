/* SPDX-License-Identifier: Apache-2.0 */
/* file.h -- files that outlive a power cut. Of all: false, and errno says why. Source: POSIX write,
 * fsync; that a new name needs its folder synced, fsync(2) of Linux. */
#pragma once

#include "lib/buf.h"

/* All of it, in as many writes as that takes: a disk that fills up tells its reason at the next one. */
bool file_write(int fd, struct bytes all);

/* The same, and on disk. */
bool file_keep(int fd, struct bytes all);

/* What was made, renamed or removed beside `path`, which is absolute or begins in the working
 * folder, is so on disk. */
bool file_keep_name(const char *path);
