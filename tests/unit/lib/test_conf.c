/* SPDX-License-Identifier: Apache-2.0 */
/* conf: where a value comes from and which one wins, and what is said when one is wrong. */
#include "tests/unit/edge.h"

#include "lib/conf.h"

struct sample {
    char name[9];
    uint64_t count;
    uint64_t flag;
    uint64_t deep;
    char where[33];
    struct pet {
        char name[9];
        uint64_t legs, line;
    } pets[2];
    struct toy {
        char of[9];
        uint64_t line;
    } toys[3];
    uint64_t pets_n, toys_n;
};

#define AT(member) offsetof(struct sample, member), sizeof(((struct sample *)0)->member)
static const struct conf_setting rows[] = {
    {"name", CONF_str, AT(name), 1, 8, "ann", "a name"},
    {"count", CONF_u64, AT(count), 2, 100, "10", "how many"},
    {"flag", CONF_flag, AT(flag), 0, 1, "0", "on or off"},
    {"part/deep", CONF_u64, AT(deep), 0, UINT64_MAX, "7", "far down"},
    {"part/where", CONF_str, AT(where), 0, 32, "", "where; empty: nowhere"},
};

static const struct conf_setting pet_rows[] = {
    {"name", CONF_str, offsetof(struct pet, name), 9, 0, 8, "", "its name"},
    {"legs", CONF_u64, offsetof(struct pet, legs), 8, 0, 8, "4", "how many"},
};
static const struct conf_setting toy_rows[] = {
    {"of", CONF_str, offsetof(struct toy, of), 9, 0, 8, "", "whose"},
};

static bool check_pet(void *out, void *item, struct buf *why)
{
    (void)out;
    struct pet *pet = item;
    if (!pet->name[0])
        buf_text(why, "name must be there");
    return why->n == 0;
}

static bool check_toy(void *out, void *item, struct buf *why)
{
    struct sample *sample = out;
    struct toy *toy = item;
    for (uint64_t i = 0; i < sample->pets_n; i++)
        if (strcmp(sample->pets[i].name, toy->of) == 0)
            return true;
    buf_format(why, "of = \"%s\" is no pet", toy->of);
    return false;
}

static const struct conf_list lists[] = {
    {.section = "pet",
     .help = "A pet.",
     .rows = pet_rows,
     .count = 2,
     .items = offsetof(struct sample, pets),
     .item_size = sizeof(struct pet),
     .items_max = 2,
     .n = offsetof(struct sample, pets_n),
     .line = offsetof(struct pet, line),
     .check = check_pet},
    {.section = "toy",
     .help = "A toy.",
     .rows = toy_rows,
     .count = 1,
     .items = offsetof(struct sample, toys),
     .item_size = sizeof(struct toy),
     .items_max = 3,
     .n = offsetof(struct sample, toys_n),
     .line = offsetof(struct toy, line),
     .check = check_toy},
};

static const char *const others[] = {"SAMPLE_FILE", NULL};
static const struct conf_table table = {.prefix = "SAMPLE_",
                                        .others = others,
                                        .rows = rows,
                                        .count = sizeof rows / sizeof *rows,
                                        .lists = lists,
                                        .lists_n = 2};

static char file[64];

/* Load `text` as the file; "" when it went well, else what was said of it behind the file's name.
 */
static const char *load(const char *text, struct sample *out)
{
    static char said[1000];
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    struct buf why;
    buf_init(&why, sizeof said - 1);
    memset(out, 0x55, sizeof *out);
    bool good = conf_load(&table, file, out, &why);
    assert_int_equal(good, why.n == 0);
    snprintf(said, sizeof said, "%.*s", (int)why.n, why.p ? why.p : "");
    buf_fini(&why);
    size_t n = strlen(file);
    return strncmp(said, file, n) == 0 ? said + n : said;
}

static void files_that_are_right(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        struct {
            char name[9];
            uint64_t count, flag, deep;
            char where[33];
        } want;
    } table_[] = {
        {"empty", "", {"ann", 10, 0, 7, ""}},
        {"comments and blank lines", "# a\n\n   \n#\n", {"ann", 10, 0, 7, ""}},
        {"all",
         "name = bob\ncount = 2\nflag = 1\npart\n    deep = 0\n    where = here\n",
         {"bob", 2, 1, 0, "here"}},
        {"no newline at the end", "count = 3", {"ann", 3, 0, 7, ""}},
        {"quotes",
         "name = \"a # b\"\npart\n    where = 'x = \"y\"'\n",
         {"a # b", 10, 0, 7, "x = \"y\""}},
        {"a comment behind", "count = 5 # five\n", {"ann", 5, 0, 7, ""}},
        {"to the bounds",
         "name = 12345678\ncount = 100\npart\n    deep = 18446744073709551615\n",
         {"12345678", 100, 0, UINT64_MAX, ""}},
        {"everything of a section commented out",
         "part\n#    deep = 1\ncount = 4\n",
         {"ann", 4, 0, 7, ""}},
        {"a section twice", "part\n    deep = 1\npart\n    where = x\n", {"ann", 10, 0, 1, "x"}},
        {"comments at any depth", "part\n  # a\n\t# b\n    deep = 3 # c\n", {"ann", 10, 0, 3, ""}},
        {"nothing around =", "count=6\npart # here\n    deep=\"2\"# x\n", {"ann", 6, 0, 2, ""}},
        {"CR LF", "count = 5\r\nflag = 1\r\n", {"ann", 5, 1, 7, ""}},
    };
    for (size_t i = 0; i < sizeof table_ / sizeof *table_; i++) {
        struct sample got;
        const char *said = load(table_[i].text, &got);
        if (*said)
            fail_msg("%s: %s", table_[i].name, said);
        CHECK(table_[i].name, strcmp(got.name, table_[i].want.name) == 0);
        CHECK(table_[i].name, got.count == table_[i].want.count && got.flag == table_[i].want.flag);
        CHECK(table_[i].name,
              got.deep == table_[i].want.deep && strcmp(got.where, table_[i].want.where) == 0);
    }
}

#define ALLOWED "; allowed: name count flag part/deep part/where"
#define ZPL                                                                                        \
    " a line must be \"name = value\", with four spaces before it when it stands under a section"

static void files_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } table_[] = {
        {"\n# x\ncuont = 5\n", ":3: \"cuont\" is not a setting" ALLOWED},
        {"part\n    # x\n\n    depe = 5\n", ":4: \"part/depe\" is not a setting" ALLOWED},
        {"deep = 5\n", ":1: \"deep\" is not a setting" ALLOWED},
        {"part = 5\n", ":1: \"part\" is not a setting" ALLOWED},
        {"part = 5\n    deep = 1\n", ":1: \"part\" is not a setting" ALLOWED},
        {"part =\n    deep = 1\n", ":1: \"part\" is not a setting" ALLOWED},
        {"pratt\n    deep = 1\n", ":1: \"pratt\" is not a setting" ALLOWED},
        {"flag = 1\n    deep = 1\n", ":2: \"deep\" stands under no section"},
        {"count = 1\n", ":1: count = \"1\" is not allowed: a whole number from 2 to 100"},
        {"name = x\ncount = 101\n",
         ":2: count = \"101\" is not allowed: a whole number from 2 to 100"},
        {"count = ten\n", ":1: count = \"ten\" is not allowed: a whole number from 2 to 100"},
        {"count = -5\n", ":1: count = \"-5\" is not allowed: a whole number from 2 to 100"},
        {"count = 5 6\n", ":1: count = \"5 6\" is not allowed: a whole number from 2 to 100"},
        {"count = 5k\n", ":1: count = \"5k\" is not allowed: a whole number from 2 to 100"},
        {"count =\n", ":1: count = \"\" is not allowed: a whole number from 2 to 100"},
        {"part\n    deep = 18446744073709551616\n",
         ":2: part/deep = \"18446744073709551616\" is not allowed: a whole number from 0 to "
         "18446744073709551615"},
        {"flag = 2\n", ":1: flag = \"2\" is not allowed: 0 or 1"},
        {"flag = yes\n", ":1: flag = \"yes\" is not allowed: 0 or 1"},
        {"name =\n", ":1: name = \"\" is not allowed: text of 1 to 8 bytes"},
        {"name = 123456789\n", ":1: name = \"123456789\" is not allowed: text of 1 to 8 bytes"},
        {"name = x\n  count = 5\n", ":2:" ZPL},
        {"name = x\npart\n        deep = 1\n", ":3:" ZPL},
        {"part\n\tdeep = 1\n", ":2:" ZPL},
        {"part\n  \t deep = 1\n", ":2:" ZPL},
        {"    deep = 1\n", ":1: \"deep\" stands under no section"},
        {"part\n    deep = 1\ncount = 5\n    deep = 2\n", ":4: \"deep\" stands under no section"},
        {"name = \"x\" y\n", ":1:" ZPL},
        {"name = 'x\n", ":1:" ZPL},
        {"= 5\n", ":1:" ZPL},
        {"my name = 5\n", ":1:" ZPL},
        {"count\n", ":1: count = \"\" is not allowed: a whole number from 2 to 100"},
        {"name: x\n", ":1:" ZPL},
        {"name = \"x\n", ":1:" ZPL},
    };
    for (size_t i = 0; i < sizeof table_ / sizeof *table_; i++) {
        struct sample got;
        const char *said = load(table_[i].text, &got);
        if (strcmp(said, table_[i].want) != 0)
            fail_msg("\"%s\":\n got %s\nwant %s", table_[i].text, said, table_[i].want);
    }
}

/* Found by fuzz_conf: there was no reason at all. */
static void what_is_wrong_may_be_long(void **state)
{
    (void)state;
    static char text[6000], variable[6000];
    static const char *const begins[] = {"count = ", "    ", "", "pet\n    ", "pet\n    name = "};
    struct sample got;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        memset(text, 'x', sizeof text - 1);
        memcpy(text, begins[i], strlen(begins[i]));
        assert_int_equal(*load(text, &got), ':');
    }
    memset(variable, 'X', sizeof variable - 1);
    memcpy(variable, "SAMPLE_", 7);
    setenv(variable, "1", 1);
    assert_non_null(strstr(load("", &got), "X\" is not a setting; allowed: SAMPLE_NAME"));
    unsetenv(variable);
}

static void lists_of_sections(void **state)
{
    (void)state;
    struct sample got;
    const char *said = load("pet\n    name = rex\n"
                            "count = 5\n"
                            "toy\n    of = tom # of one that comes later\n"
                            "# between\n\n"
                            "pet # here\n    legs = 3\n    name = \"tom\"\n"
                            "part\n    deep = 1\n"
                            "toy\n    of = 'rex'\n",
                            &got);
    assert_string_equal(said, "");
    assert_int_equal(got.pets_n, 2);
    assert_int_equal(got.toys_n, 2);
    assert_int_equal(got.count, 5);
    assert_int_equal(got.deep, 1);
    assert_true(strcmp(got.pets[0].name, "rex") == 0 && got.pets[0].legs == 4);
    assert_true(strcmp(got.pets[1].name, "tom") == 0 && got.pets[1].legs == 3);
    assert_true(strcmp(got.toys[0].of, "tom") == 0 && strcmp(got.toys[1].of, "rex") == 0);
    assert_true(got.pets[0].line == 1 && got.pets[1].line == 8);
    assert_true(got.toys[0].line == 4 && got.toys[1].line == 13);
    assert_string_equal(load("", &got), ""); /* the same struct again: none is left over */
    assert_true(got.pets_n == 0 && got.toys_n == 0);
}

static void lists_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows_[] = {
        {"pet\n", ":1: pet: name must be there"},
        {"# x\npet\n    legs = 2\ncount = 5\n", ":2: pet: name must be there"},
        {"pet\n    name = rex\n    legs = 9\n",
         ":3: legs = \"9\" is not allowed: a whole number from 0 to 8"},
        {"pet\n    name = rex\n    nmae = tom\n",
         ":3: \"nmae\" is not a setting; allowed: name legs"},
        {"pet\n    name = rex\n    deep = 1\n",
         ":3: \"deep\" is not a setting; allowed: name legs"},
        {"pet = rex\n", ":1: \"pet\" is not a setting" ALLOWED},
        {"pet\n    name = a\npet\n    name = b\npet\n", ":5: there may be at most 2 of \"pet\""},
        {"toy\n    of = rex\npet\n    name = tom\n", ":1: toy: of = \"rex\" is no pet"},
        {"pet\n    name = a\ntoy\n    of = a\ntoy\n    of = b\n", ":5: toy: of = \"b\" is no pet"},
        {"toy\n    of = rex\npet\n", ":3: pet: name must be there"}, /* in the lists' order */
        {"pet\ncount = 1\n", ":2: count = \"1\" is not allowed: a whole number from 2 to 100"},
        {"pet\n    name = rex\ncount = 5\n    legs = 1\n", ":4: \"legs\" stands under no section"},
    };
    for (size_t i = 0; i < sizeof rows_ / sizeof *rows_; i++) {
        struct sample got;
        const char *said = load(rows_[i].text, &got);
        if (strcmp(said, rows_[i].want) != 0)
            fail_msg("\"%s\":\n got %s\nwant %s", rows_[i].text, said, rows_[i].want);
    }
}

static void unknown_variables(void **state)
{
    (void)state;
    static const char *const wrong[] = {"SAMPLE_CUONT", "SAMPLE_",     "SAMPLE_COUNT_",
                                        "SAMPLE_FILES", "SAMPLE_deep", "SAMPLE_PET_NAME"};
    struct sample got;
    char want[300];
    setenv("SAMPLE_FILE", "x", 1); /* known not to be one */
    setenv("SAMPLES", "x", 1);     /* not ours */
    setenv("sample_count", "x", 1);
    assert_string_equal(load("", &got), "");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(want, sizeof want,
                 "environment: \"%s\" is not a setting; allowed: SAMPLE_NAME SAMPLE_COUNT "
                 "SAMPLE_FLAG SAMPLE_PART_DEEP SAMPLE_PART_WHERE",
                 wrong[i]);
        setenv(wrong[i], "1", 1);
        assert_string_equal(load("", &got), want);
        unsetenv(wrong[i]);
    }
    assert_string_equal(load("", &got), "");
    unsetenv("SAMPLE_FILE");
}

static void no_file(void **state)
{
    (void)state;
    struct sample got;
    struct buf why;
    buf_init(&why, 1000);
    assert_true(conf_load(&table, NULL, &got, &why));
    assert_int_equal(got.count, 10);
    assert_false(conf_load(&table, "/tmp/belfry-no-such-file", &got, &why));
    assert_bytes("why", buf_all(&why),
                 BYTES("/tmp/belfry-no-such-file: No such file or directory"));
    buf_reset(&why);
    assert_false(conf_load(&table, "/tmp", &got, &why));
    assert_bytes("a folder", buf_all(&why), BYTES("/tmp: Is a directory"));
    buf_fini(&why);
}

static void the_environment_and_options_win(void **state)
{
    (void)state;
    struct sample got;
    setenv("SAMPLE_PART_DEEP", "42", 1);
    setenv("SAMPLE_NAME", "env", 1);
    assert_string_equal(load("count = 5\nname = file\npart\n    deep = 1\n", &got), "");
    assert_int_equal(got.deep, 42);
    assert_string_equal(got.name, "env");
    assert_int_equal(got.count, 5);
    struct buf why;
    buf_init(&why, 1000);
    assert_true(conf_set(&table, "name", "option", "--name", &got, &why));
    assert_string_equal(got.name, "option");
    assert_false(conf_set(&table, "count", "1", "--count", &got, &why));
    assert_bytes("why", buf_all(&why),
                 BYTES("--count: count = \"1\" is not allowed: a whole number from 2 to 100"));
    assert_int_equal(got.count, 5); /* as it was */
    buf_fini(&why);
    setenv("SAMPLE_PART_DEEP", "x", 1);
    assert_string_equal(load("", &got),
                        "SAMPLE_PART_DEEP: part/deep = \"x\" is not allowed: a whole "
                        "number from 0 to 18446744073709551615");
    unsetenv("SAMPLE_PART_DEEP");
    unsetenv("SAMPLE_NAME");
}

static void what_is_printed_can_be_loaded(void **state)
{
    (void)state;
    struct sample want, got;
    struct buf text;
    buf_init(&text, 10000);
    conf_print(&table, &text);
    assert_bytes("page", buf_all(&text),
                 BYTES("# a name\n# text of 1 to 8 bytes; SAMPLE_NAME\nname = \"ann\"\n"
                       "# how many\n# a whole number from 2 to 100; SAMPLE_COUNT\ncount = \"10\"\n"
                       "# on or off\n# 0 or 1; SAMPLE_FLAG\nflag = \"0\"\n"
                       "\npart\n"
                       "    # far down\n    # a whole number from 0 to 18446744073709551615; "
                       "SAMPLE_PART_DEEP\n    deep = \"7\"\n"
                       "    # where; empty: nowhere\n    # text of 0 to 32 bytes; "
                       "SAMPLE_PART_WHERE\n    where = \"\"\n"
                       "\n# A pet.\n# Up to 2 of them, none by default.\n#pet\n"
                       "#    # its name\n#    # text of 0 to 8 bytes\n#    name = \"\"\n"
                       "#    # how many\n#    # a whole number from 0 to 8\n#    legs = \"4\"\n"
                       "\n# A toy.\n# Up to 3 of them, none by default.\n#toy\n"
                       "#    # whose\n#    # text of 0 to 8 bytes\n#    of = \"\"\n"));
    assert_string_equal(load("", &want), "");
    buf_byte(&text, '\0');
    assert_string_equal(load(text.p, &got), "");
    assert_memory_equal(&want, &got, sizeof got);
    buf_fini(&text);
}

static int make_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/belfry-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/conf", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(file);
    *strrchr(file, '/') = '\0';
    return rmdir(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_right),
        cmocka_unit_test(files_that_are_wrong),
        cmocka_unit_test(what_is_wrong_may_be_long),
        cmocka_unit_test(lists_of_sections),
        cmocka_unit_test(lists_that_are_wrong),
        cmocka_unit_test(unknown_variables),
        cmocka_unit_test(no_file),
        cmocka_unit_test(the_environment_and_options_win),
        cmocka_unit_test(what_is_printed_can_be_loaded),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
