/* SPDX-License-Identifier: Apache-2.0 */
/* web/public/openapi.json, printed from the table of the routes, from MARKS and from SCOPES. */
#define PAGE "web/public/openapi.json"
#define PAGE_WHOLE
#define TABLE "session/http/routes.c"

#include "proto/apikeys.h"
#include "session/api/api.h"
#include "session/api/inbox_http.h"
#include "session/actions/marking.h"
#include "session/http/routes.h"
#include "tests/unit/page.h"

static const char *const methods[] = {"get", "post", "put", "patch", "delete"};

/* What a parameter of the query is, where it is no text. */
static const char *const kinds[][2] = {
    {"limit", "integer"},    {"before", "integer"},  {"dry_run", "boolean"},
    {"archived", "boolean"}, {"snoozed", "boolean"}, {"count", "boolean"},
};

static const char *kind_of(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i][0]) == n && memcmp(kinds[i][0], name, n) == 0)
            return kinds[i][1];
    return "string";
}

/* The first of names with something between them, and in *n its length; NULL: there is none. */
static const char *first_name(const char *text, size_t *n)
{
    text += strspn(text, ", ");
    if (strncmp(text, "or ", 3) == 0)
        text += 3;
    *n = strcspn(text, ", ");
    return *n > 0 ? text : NULL;
}

static void comma(struct buf *out, bool *first)
{
    buf_text(out, *first ? "" : ", ");
    *first = false;
}

static void print_parameters(struct buf *out, const char *path, const struct route *r)
{
    bool first = true;
    size_t n;
    buf_text(out, ", \"parameters\": [");
    for (const char *at = path; (at = strchr(at, '{')); at += n) {
        n = strcspn(++at, "}");
        comma(out, &first);
        buf_format(out, "{\"name\": \"%.*s\", \"in\": \"path\", \"required\": true, ", (int)n, at);
        buf_text(out, "\"schema\": {\"type\": \"string\"}}");
    }
    for (const char *at = r->query ? r->query : ""; (at = first_name(at, &n)); at += n) {
        comma(out, &first);
        buf_format(out, "{\"name\": \"%.*s\", \"in\": \"query\", ", (int)n, at);
        buf_format(out, "\"schema\": {\"type\": \"%s\"}}", kind_of(at, n));
    }
    if (r->admit == api_admit && r->method != HTTP_PUT) {
        comma(out, &first);
        buf_text(out, "{\"$ref\": \"#/components/parameters/IdempotencyKey\"}");
    }
    buf_byte(out, ']');
}

/* {"a": {}, ...}: what they may be the answers say, and docs/api.md. */
static void print_members(struct buf *out, const char *members)
{
    bool first = true;
    size_t n;
    buf_text(out, "{\"type\": \"object\", \"properties\": {");
    for (const char *at = members; (at = first_name(at, &n)); at += n) {
        comma(out, &first);
        buf_format(out, "\"%.*s\": {}", (int)n, at);
    }
    buf_text(out, first ? "}}" : "}, \"additionalProperties\": false}");
}

static void print_body(struct buf *out, const char *body)
{
    bool lines = strncmp(body, ROUTE_LINES, strlen(ROUTE_LINES)) == 0;
    buf_format(out, ",\n        \"requestBody\": {\"content\": {\"application/%s\": {\"schema\": ",
               lines ? "x-ndjson" : "json");
    print_members(out, lines ? body + strlen(ROUTE_LINES) : body);
    buf_text(out, "}}}");
}

static void print_security(struct buf *out, unsigned scope)
{
    buf_text(out, ", \"security\": [");
    if (scope) {
        buf_text(out, "{\"bearer\": [\"");
        scopes_write(out, scope);
        buf_text(out, "\"]}");
    }
    buf_byte(out, ']');
}

/* A name for generated code: the method and the path, its letters. */
static void print_id(struct buf *out, const char *method, const char *path)
{
    buf_format(out, "\"operationId\": \"%s", method);
    for (bool gap = true; *path; path++) {
        bool letter = strchr("/{}-_", *path) == NULL;
        if (letter && gap)
            buf_byte(out, '_');
        if (letter)
            buf_byte(out, (uint8_t)*path);
        gap = !letter;
    }
    buf_text(out, "\", ");
}

static void print_operation(struct buf *out, const char *method, const char *path,
                            const struct route *r, const char *body)
{
    buf_format(out, "      \"%s\": {", method);
    print_id(out, method, path);
    buf_format(out, "\"summary\": \"%s\"", r->what);
    print_parameters(out, path, r);
    print_security(out, r->scope);
    if (body)
        print_body(out, body);
    buf_text(out, ",\n        \"responses\": {\"2XX\": {\"description\": \"Done, or begun\"}, "
                  "\"default\": {\"$ref\": \"#/components/responses/Problem\"}}}");
}

static bool marks(const struct route *r)
{
    return r->handle == inbox_post_mark;
}

/* A path with all of its methods. */
static void print_path(struct buf *out, size_t from)
{
    bool first = true;
    buf_format(out, ",\n    \"%s\": {\n", routes[from].path);
    for (size_t i = from; i < routes_count; i++) {
        const struct route *r = &routes[i];
        if (strcmp(r->path, routes[from].path) != 0 || marks(r))
            continue;
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            bool itself = r->method == HTTP_other && (m == 0 || (m == 1 && r->admit));
            if (!itself && r->method != (enum http_method)m)
                continue;
            buf_text(out, first ? "" : ",\n");
            first = false;
            print_operation(out, methods[m], r->path, r, m == 0 ? NULL : r->body);
        }
    }
    buf_text(out, "\n    }");
}

/* Each mark is a path of its own. */
static void print_mark(struct buf *out, const struct route *r, const char *name)
{
    char path[80];
    struct marking k;
    assert_true(marking_path(bytes_of(name), &k));
    snprintf(path, sizeof path, "/api/notifications/%s", name);
    buf_format(out, ",\n    \"%s\": {\n", path);
    char body[120];
    snprintf(body, sizeof body, "user, %s", marking_allowed(&k));
    print_operation(out, "post", path, r, body);
    buf_text(out, "\n    }");
}

static void print_marks(struct buf *out, const struct route *r)
{
    for (unsigned i = 0; i < MARK_COUNT; i++) {
        const struct mark_names *of = &mark_names[i];
        print_mark(out, r, of->path);
        if (of->all_path[0] && strcmp(of->all_path, of->path) != 0)
            print_mark(out, r, of->all_path);
    }
}

static bool printed(size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (!marks(&routes[j]) && strcmp(routes[j].path, routes[i].path) == 0)
            return true;
    return false;
}

static void print_components(struct buf *out)
{
    buf_text(
        out,
        "  \"components\": {\n"
        "    \"securitySchemes\": {\n      \"bearer\": {\"type\": \"http\", \"scheme\": "
        "\"bearer\", "
        "\"description\": \"An API key or a service token with the scope that is named, or a "
        "user's token, which reaches that user's own inbox and topics. In dev mode none is "
        "asked for.\"}\n    },\n"
        "    \"parameters\": {\n      \"IdempotencyKey\": {\"name\": \"Idempotency-Key\", \"in\": "
        "\"header\", \"description\": \"The same again has the same answer, and is done once.\", "
        "\"schema\": {\"type\": \"string\"}}\n    },\n"
        "    \"responses\": {\n      \"Problem\": {\"description\": \"Nothing was done: RFC 9457, "
        "with the field at fault\", \"content\": {\"application/problem+json\": {\"schema\": "
        "{\"$ref\": \"#/components/schemas/Problem\"}}}}\n    },\n"
        "    \"schemas\": {\n      \"Problem\": {\"type\": \"object\", \"properties\": {\"type\": "
        "{\"type\": \"string\"}, \"title\": {\"type\": \"string\"}, \"status\": {\"type\": "
        "\"integer\"}, \"detail\": {\"type\": \"string\"}, \"field\": {\"type\": "
        "\"string\"}, \"limit\": {\"type\": \"string\"}}}\n    }\n  }\n}\n");
}

static void print_below(struct buf *out)
{
    buf_text(
        out,
        "{\n  \"openapi\": \"3.1.0\",\n"
        "  \"info\": {\"title\": \"Belfry\", \"version\": \"1\", \"description\": \"Printed from "
        "the server's own tables. What the members are and what is answered, docs/api.md says; "
        "members that are not known are refused by their names.\", \"license\": {\"name\": "
        "\"Apache-2.0\", \"identifier\": \"Apache-2.0\"}},\n  \"paths\": {");
    size_t from = out->n;
    for (size_t i = 0; i < routes_count; i++) {
        if (marks(&routes[i]))
            print_marks(out, &routes[i]);
        else if (!printed(i))
            print_path(out, i);
    }
    out->p[from] = ' '; /* the first comma */
    buf_text(out, "\n  },\n");
    print_components(out);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_says_what_the_table_says)};
    return page_main(argc, argv, tests);
}
