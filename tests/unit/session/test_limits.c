/* SPDX-License-Identifier: Apache-2.0 */
/* docs/limits.md: what stands below its marker is printed from the table of the limits, and this test fails
 * when it is not what the table says. `make docs` (--write FILE) prints it anew. */
#include "session/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PAGE "docs/limits.md"
#define MARKER "<!-- printed by `make docs`: do not edit below -->\n"

enum { PAGE_MAX_BYTES = 1 << 18 };

static const struct counter counters[] = {SESSION_COUNTERS(COUNTER_ROW)};

/* NULL: the text is no setting's path. */
static const struct conf_setting *setting_of(const char *text)
{
    for (size_t i = 0; i < settings_table.count; i++)
        if (strcmp(settings_table.rows[i].path, text) == 0)
            return &settings_table.rows[i];
    return NULL;
}

static void row(struct buf *out, const struct limit_row *l)
{
    const struct conf_setting *set = setting_of(l->setting);
    buf_format(out, "| %s | ", l->what);
    if (set)
        buf_format(out, "`%s` = %s | ", set->path, set->standard);
    else
        buf_format(out, "%s | ", l->setting);
    buf_format(out, "%s | %s | ", l->text, l->code);
    if (l->counter < COUNT_COUNT)
        buf_format(out, "`belfry_%s%s` |\n", counters[l->counter].name,
                   counters[l->counter].kind == COUNTER_total ? "_total" : "");
    else
        buf_text(out, "none |\n");
}

static void print_page(struct buf *out, struct bytes present)
{
    const char *marker = memmem(present.p, present.n, MARKER, strlen(MARKER));
    if (!marker)
        fail_msg("%s has no marker: %s", PAGE, MARKER);
    buf_add(out, present.p, (size_t)(marker - present.p) + strlen(MARKER));
    buf_text(out, "\n| what | limit | beyond it | on the wire | counter |\n"
                  "| --- | --- | --- | --- | --- |\n");
    for (unsigned i = 0; i < LIMIT_COUNT; i++)
        row(out, &limit_rows[i]);
}

static void read_page(struct buf *out, const char *path)
{
    char chunk[4096];
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("%s is not there (tests run from the root of the tree)", path);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(out, chunk, n);
    fclose(f);
}

static void the_page_says_what_the_table_says(void **state)
{
    (void)state;
    struct buf present, want;
    buf_init(&present, PAGE_MAX_BYTES);
    buf_init(&want, PAGE_MAX_BYTES);
    read_page(&present, PAGE);
    print_page(&want, buf_all(&present));
    assert_false(want.overflowed);
    if (!bytes_equal(buf_all(&present), buf_all(&want)))
        fail_msg("%s is not what session/limits.h says: run `make docs`", PAGE);
    buf_fini(&want);
    buf_fini(&present);
}

/* What looks like a setting's path is one. */
static void settings_are_there(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LIMIT_COUNT; i++)
        if (strncmp(limit_rows[i].setting, "session/", 8) == 0 &&
            !setting_of(limit_rows[i].setting))
            fail_msg("%s: %s is not a setting", limit_rows[i].name, limit_rows[i].setting);
}

static const char *write_to;

static void write_page(void **state)
{
    (void)state;
    struct buf present, page;
    buf_init(&present, PAGE_MAX_BYTES);
    buf_init(&page, PAGE_MAX_BYTES);
    read_page(&present, write_to);
    print_page(&page, buf_all(&present));
    FILE *f = fopen(write_to, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(page.p, 1, page.n, f), page.n);
    fclose(f);
    buf_fini(&page);
    buf_fini(&present);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest check[] = {cmocka_unit_test(the_page_says_what_the_table_says),
                                       cmocka_unit_test(settings_are_there)};
    const struct CMUnitTest print[] = {cmocka_unit_test(write_page)};
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        write_to = argv[2];
        return cmocka_run_group_tests(print, NULL, NULL);
    }
    return cmocka_run_group_tests(check, NULL, NULL);
}
