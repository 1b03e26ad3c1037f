/* SPDX-License-Identifier: Apache-2.0 */
/* Each mistake of tests/sim/planted still applies to the tree as it is: `make planted` shows what finds
 * them, and docs/reliability.md has a row of each. */
#include <glob.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define FOLDER "tests/sim/planted/"
#define PAGE "docs/reliability.md"
enum { LEAST = 12, LINE_MAX_BYTES = 2000 };

static glob_t planted(void)
{
    glob_t found;
    assert_int_equal(glob(FOLDER "*.patch", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= LEAST);
    return found;
}

static void each_still_applies(void **state)
{
    glob_t found = planted();
    unsigned bad = 0;
    (void)state;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char command[300];
        int n = snprintf(command, sizeof command, "git apply --check %s", found.gl_pathv[i]);
        assert_true(n > 0 && (size_t)n < sizeof command);
        if (system(command) != 0) {
            print_error("%s does not apply any more: make it anew\n", found.gl_pathv[i]);
            bad++;
        }
    }
    globfree(&found);
    assert_int_equal(bad, 0);
}

/* How its row begins: its name and its first line. */
static void row_of(const char *path, char *row)
{
    char says[LINE_MAX_BYTES / 2];
    int name = (int)(strlen(path) - strlen(FOLDER) - strlen(".patch"));
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_non_null(fgets(says, sizeof says, f));
    fclose(f);
    says[strcspn(says, "\n")] = '\0';
    int n = snprintf(row, LINE_MAX_BYTES, "| %.*s: %s |", name, path + strlen(FOLDER), says);
    assert_true(n > 0 && n < LINE_MAX_BYTES);
}

/* "| two-words: " */
static bool is_row(const char *line)
{
    if (strncmp(line, "| ", 2) != 0)
        return false;
    size_t n = strspn(line + 2, "abcdefghijklmnopqrstuvwxyz-");
    return memchr(line + 2, '-', n) && line[2 + n] == ':';
}

static void each_has_its_row_in_their_order(void **state)
{
    glob_t found = planted();
    char line[LINE_MAX_BYTES], row[LINE_MAX_BYTES];
    size_t i = 0;
    (void)state;
    FILE *f = fopen(PAGE, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (!is_row(line))
            continue;
        if (i == found.gl_pathc)
            fail_msg(PAGE " has a row that no patch is of: %s", line);
        row_of(found.gl_pathv[i++], row);
        if (strncmp(line, row, strlen(row)) != 0)
            fail_msg(PAGE " says\n%swhere the next patch is\n%s", line, row);
    }
    fclose(f);
    if (i != found.gl_pathc)
        fail_msg(PAGE " has no row of %s", found.gl_pathv[i]);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_still_applies),
        cmocka_unit_test(each_has_its_row_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
