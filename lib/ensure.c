/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ensure.h"

#include <stdio.h>
#include <stdlib.h>

void ensure_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "bug.ensure file=%s line=%d what=\"%s\"\n", file, line, what);
    abort();
}
