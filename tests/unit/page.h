/* SPDX-License-Identifier: Apache-2.0 */
/* page.h -- a document of which a part is printed from a table of ours: what stands above the marker is
 * written by hand and kept, what stands below is compared in `make test` and printed by `make docs`.
 *
 * Shape       the includer defines PAGE (its path), TABLE (whence it is printed) and print_below(), and
 *             its main() calls page_main() with its tests. With PAGE_WHOLE there is no marker: all is printed.
 * Limits      PAGE_MAX_BYTES. */
#pragma once

#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_MARKER "<!-- printed by `make docs`: do not edit below -->\n"

enum { PAGE_MAX_BYTES = 1 << 20 };

static void print_below(struct buf *out);

static const char *page_written;

static inline void page_read(struct buf *out, const char *path)
{
    char chunk[4096];
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("%s is not there (tests run from the root of the tree)", path);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(out, chunk, n);
    fclose(f);
}

static inline void page_print(struct buf *out, struct bytes present)
{
#ifdef PAGE_WHOLE
    (void)present;
#else
    const char *marker = memmem(present.p, present.n, PAGE_MARKER, strlen(PAGE_MARKER));
    if (!marker)
        fail_msg("%s has no marker: %s", PAGE, PAGE_MARKER);
    buf_add(out, present.p, (size_t)(marker - present.p) + strlen(PAGE_MARKER));
#endif
    print_below(out);
    assert_false(out->overflowed);
}

static inline void the_page_says_what_the_table_says(void **state)
{
    (void)state;
    struct buf present, want;
    buf_init(&present, PAGE_MAX_BYTES);
    buf_init(&want, PAGE_MAX_BYTES);
    page_read(&present, PAGE);
    page_print(&want, buf_all(&present));
    if (!bytes_equal(buf_all(&present), buf_all(&want)))
        fail_msg("%s is not what %s says: run `make docs`", PAGE, TABLE);
    buf_fini(&want);
    buf_fini(&present);
}

static inline void page_write(void **state)
{
    (void)state;
    struct buf present, page;
    buf_init(&present, PAGE_MAX_BYTES);
    buf_init(&page, PAGE_MAX_BYTES);
    page_read(&present, page_written);
    page_print(&page, buf_all(&present));
    FILE *f = fopen(page_written, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(page.p, 1, page.n, f), page.n);
    fclose(f);
    buf_fini(&page);
    buf_fini(&present);
}

/* `tests` as a main() would run them, or the page anew (--write FILE). */
#define page_main(argc, argv, tests)                                                               \
    ((argc) == 3 && strcmp((argv)[1], "--write") == 0                                              \
         ? (page_written = (argv)[2],                                                              \
            cmocka_run_group_tests(((const struct CMUnitTest[]){cmocka_unit_test(page_write)}),    \
                                   NULL, NULL))                                                    \
         : cmocka_run_group_tests(tests, NULL, NULL))
