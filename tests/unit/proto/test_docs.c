/* SPDX-License-Identifier: Apache-2.0 */
/* docs/protocol.md: what stands below its marker is printed from the table of the messages, and this
 * test fails when it is not what the table says. `make docs` (--write FILE) prints it anew. What
 * stands above the marker is written by hand and kept. */
#include "tests/unit/edge.h"

#include "proto/event.h"
#include "proto/topic.h"
#include "proto/types.h"

#define PAGE "docs/protocol.md"
#define MARKER "<!-- printed by `make docs`: do not edit below -->\n"

enum { PAGE_MAX_BYTES = 1 << 20 };

static const char *const type_names[] = {"u64", "str", "bin", "list"};

/* The groups follow the ids: a message's tens say with whom it is exchanged. */
static const struct {
    unsigned from;
    const char *title, *text;
} groups[] = {
    {0, "Elements of lists",
     "These travel inside lists; `entry` is also how the log is kept on disk."},
    {10, "Actions: the requests that change something",
     "The answer leaves after the commit is on disk. Repeating a request with the same key answers "
     "the same and changes nothing."},
    {20, "Reads", "Answered from one read transaction: everything in an answer was true together."},
    {30, "The log, for the notifier, and the recount, for `belfry check`",
     "`follow` restarts the flow; the store then pushes a `tail` after each commit, as far as the "
     "window allows, and `followed` gives it room again."},
    {40, "On the bus", "Published under the keys above; nobody answers."},
    {50, "Between sessions", "A long-poll lives in one session process; its requests land on any."},
    {60, "Topics",
     "`publish` and `member` are actions: their answers leave after the commit is on disk."},
    {70, "Fan-out: a message becomes a notification for each member",
     "A page of notifications and the row that says how far it is are one commit, so that a kill "
     "at "
     "any point neither skips nor doubles anyone."},
    {75, "Users", "`seen` is an action."},
    {80, "Presence", "Each session process owns the entries of its own connections."},
    {120, "Revoked tokens", "`revoke` is an action; session processes ask for what is new."},
};

/* Text of a table's cell: `|` would end it. */
static void cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_byte(out, '\\');
        buf_byte(out, (uint8_t)*text);
    }
}

static void message_table(struct buf *out, const struct msg_shape *m)
{
    buf_format(out, "\n### %u `%s`\n\n", (unsigned)m->id, m->name);
    cell(out, m->doc);
    buf_text(out, "\n\n| field | type | most | |\n| --- | --- | ---: | --- |\n");
    for (uint32_t i = 0; i < m->count; i++) {
        const struct msg_field *f = &m->fields[i];
        buf_format(out, "| `%s` | %s | ", f->name, type_names[f->type]);
        if (f->type != FIELD_u64)
            buf_u64(out, f->limit);
        buf_text(out, " | ");
        cell(out, f->doc);
        buf_text(out, " |\n");
    }
}

static void message_tables(struct buf *out)
{
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        bool last = g + 1 == sizeof groups / sizeof *groups, titled = false;
        for (const struct msg_shape *m = msg_shapes; m < msg_shapes + msg_shape_count; m++) {
            if (m->id < groups[g].from || (!last && m->id >= groups[g + 1].from))
                continue;
            if (!titled)
                buf_format(out, "\n## %s\n\n%s\n", groups[g].title, groups[g].text);
            titled = true;
            message_table(out, m);
        }
    }
}

static void number_tables(struct buf *out)
{
#define ROW(name, doc) {#name, doc},
    static const struct {
        const char *name, *doc;
    } errors[] = {ERRORS(ROW)}, kinds[] = {ENTRY_KINDS(ROW)};
#undef ROW
    buf_text(out, "\n## Numbers\n\nThey travel and are kept: new ones are added at the end.\n\n"
                  "`status` is one of\n\n| | name | |\n| ---: | --- | --- |\n");
    for (unsigned i = 0; i < ERR_COUNT; i++)
        buf_format(out, "| %u | `%s` | %s |\n", i, errors[i].name, errors[i].doc);
    buf_text(out, "\n`kind` of an entry is one of\n\n| | name | |\n| ---: | --- | --- |\n");
    for (unsigned i = 1; i < ENTRY_KIND_COUNT; i++)
        buf_format(out, "| %u | `%s` | %s |\n", i, kinds[i].name, kinds[i].doc);
    buf_text(out, "\n`type` of a notification is one of\n\n"
                  "| | name | pushed | stored | counted | event of its arrival |\n"
                  "| ---: | --- | --- | --- | --- | --- |\n");
    for (unsigned i = 0; i < TYPE_COUNT; i++) {
        const struct type_row *t = type_row(i);
        buf_format(out, "| %u | `%s` | %s | %s | %s | `%s` |\n", i, t->name, t->push ? "yes" : "no",
                   t->stored ? "yes" : "no", t->counted ? "yes" : "no", t->event);
    }
}

/* The page as it should be: its own prose, then the tables. */
static void print_page(struct buf *out, struct bytes present)
{
    const char *marker = memmem(present.p, present.n, MARKER, strlen(MARKER));
    if (!marker)
        fail_msg("%s has no marker: %s", PAGE, MARKER);
    buf_add(out, present.p, (size_t)(marker - present.p) + strlen(MARKER));
    number_tables(out);
    message_tables(out);
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
        fail_msg("%s is not what proto/messages.h says: run `make docs`", PAGE);
    buf_fini(&want);
    buf_fini(&present);
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
    const struct CMUnitTest check[] = {cmocka_unit_test(the_page_says_what_the_table_says)};
    const struct CMUnitTest print[] = {cmocka_unit_test(write_page)};
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        write_to = argv[2];
        return cmocka_run_group_tests(print, NULL, NULL);
    }
    return cmocka_run_group_tests(check, NULL, NULL);
}
