/* SPDX-License-Identifier: Apache-2.0 */
/* docs/limits.md, printed from the table of the limits. */
#define PAGE "docs/limits.md"
#define TABLE "session/limits.h"

#include "session/limits.h"
#include "tests/unit/page.h"

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
    buf_format(out, "| `%s` | %s | ", l->name, l->what);
    if (set)
        buf_format(out, "`%s` = %s | ", set->path, set->standard);
    else
        buf_format(out, "%s | ", l->setting);
    buf_format(out, "%s | %s | ", l->text, l->code);
    buf_format(out, "`belfry_%s%s` |\n", counters[l->counter].name,
               counters[l->counter].kind == COUNTER_total ? "_total" : "");
}

static void print_below(struct buf *out)
{
    buf_text(out, "\n| name | what | limit | beyond it | on the wire | counter |\n"
                  "| --- | --- | --- | --- | --- | --- |\n");
    for (unsigned i = 0; i < LIMIT_COUNT; i++)
        row(out, &limit_rows[i]);
}

/* What looks like a setting's path is one. */
static void settings_are_there(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LIMIT_COUNT; i++)
        if ((strncmp(limit_rows[i].setting, "session/", 8) == 0 ||
             strncmp(limit_rows[i].setting, "store/", 6) == 0) &&
            !setting_of(limit_rows[i].setting))
            fail_msg("%s: %s is not a setting", limit_rows[i].name, limit_rows[i].setting);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_says_what_the_table_says),
                                       cmocka_unit_test(settings_are_there)};
    return page_main(argc, argv, tests);
}
