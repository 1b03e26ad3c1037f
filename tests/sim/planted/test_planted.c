/* SPDX-License-Identifier: Apache-2.0 */
/* Each mistake of tests/sim/planted still applies to the tree as it is: `make planted` shows what finds
 * them. */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

enum { LEAST = 12 };

static void each_still_applies(void **state)
{
    glob_t found;
    unsigned bad = 0;
    (void)state;
    assert_int_equal(glob("tests/sim/planted/*.patch", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= LEAST);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_still_applies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
