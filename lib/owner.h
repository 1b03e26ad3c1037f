/* SPDX-License-Identifier: Apache-2.0 */
/* owner.h -- what is kept in a folder belongs to the folder's owner, whoever starts us.
 *
 * Rules   root becomes the owner of `folder`, for good: user, group, no further groups, and so none of root's
 *         powers. Where the folder is root's own, or is not there yet, root stays root (sandbox.h leaves it
 *         little). Who is not root stays who they are.
 * Errors  leaves with 100 when it cannot.
 * Source  credentials(7), setresuid(2), capabilities(7) "Effect of user ID changes". */
#pragma once

#include <stdbool.h>

void owner_become(const char *folder);

/* Before that: whoever root would become has this file. False: errno says why not. */
bool owner_give(const char *folder, int fd);
