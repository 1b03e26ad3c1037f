/* SPDX-License-Identifier: Apache-2.0 */
/* docs/protocol.md, printed from the table of the messages. */
#define PAGE "docs/protocol.md"
#define TABLE "proto/messages.h"

#include "tests/unit/edge.h"
#include "tests/unit/page.h"

#include "proto/event.h"
#include "proto/topic.h"
#include "proto/types.h"

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
    {140, "Hooks",
     "The process `hook` asks the application by HTTP; `status` says whether it answered."},
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

static void print_below(struct buf *out)
{
    number_tables(out);
    message_tables(out);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_says_what_the_table_says)};
    return page_main(argc, argv, tests);
}
