/* SPDX-License-Identifier: Apache-2.0 */
/* log.h -- one line an event, on standard error, subject first: `session.close id=8 reason=drain`.
 *
 * Time, rotation and shipping are the logger's (journald, svlogd, s6-log). A line is one write(2),
 * cut at 1,000 bytes. Bytes of a client go through log_safe(), never raw. */
#pragma once

#include "lib/buf.h"

/* Keep the newest 64 KiB of this process's lines, each with its time before it, in a file that anyone
 * may read, also after a crash; what is there stays, and is written over. False: it cannot be made, or the disk
 * has no room for it. */
bool log_keep(const char *path);

/* Add the lines of such a file, oldest first; false when it is not one. A line that is being written
 * meanwhile may be torn. */
bool log_tail(const char *path, struct buf *out);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `bytes` with everything but visible ASCII (no space either) shown as '?', cut at 63; static, good for the next
 * four calls. */
const char *log_safe(struct bytes bytes);
