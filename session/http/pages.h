/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h -- the built pages: files read at the start, each one response that all requests share.
 *
 * Caching what has a hash in its name (assets/) is kept for ever, the rest is asked for again by ETag.
 *         FILE.gz and FILE.br beside FILE are FILE for who takes them so. /console is console.html.
 * Limits  PAGES_MAX files of at most PAGE_BYTES, in one folder and its folders. Only what was read at
 *         the start is served, so that no path of a request ever reaches the file system. */
#pragma once

#include "session/http/http.h"

#include <limits.h>

enum { PAGES_MAX = 256, PAGE_BYTES = 4 << 20 };

struct pages;

/* Where they are: what the setting says, or beside the programs. */
void pages_folder(const char *setting, char out[PATH_MAX]);

/* A folder that is not there has no pages; the log says so. Without `demo` its page is left out, and
 * the console and belfry.js are served all the same. */
struct pages *pages_new(const char *setting, bool demo);
void pages_free(struct pages **slot);

/* Answer with the page of this path, or say 404. `/` is index.html. */
void pages_answer(struct session *s, struct pages *p, struct request *r);
