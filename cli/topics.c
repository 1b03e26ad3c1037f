/* SPDX-License-Identifier: Apache-2.0 */
/* belfry publish, who, members -- the HTTP calls about a topic. */
#include "cli/commands.h"
#include "cli/http.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "proto/topic.h"

#include <stdio.h>

enum { PATH_MOST = 2048 };

/* /api/topics/{topic}`rest` */
static void path_write(struct buf *out, const struct args *a, const char *rest)
{
    if (!topic_valid(bytes_of(a->words[0])))
        refuse("belfry %s: TOPIC: 1 to %d bytes of UTF-8 without spaces, control characters and "
               ", \" \\",
               a->command->name, TOPIC_MAX);
    buf_reset(out);
    buf_text(out, "/api/topics/");
    http_encode(out, a->words[0]);
    buf_text(out, rest);
}

static const char *text_of(struct buf *path)
{
    buf_byte(path, '\0');
    return path->p;
}

int topic_known(const struct args *a)
{
    struct buf path, answer;
    buf_init(&path, PATH_MOST);
    buf_init(&answer, HTTP_BODY_MAX);
    path_write(&path, a, "/history?limit=1");
    int code = http_ask(a, "GET", text_of(&path), NULL, (struct bytes){0}, &answer);
    buf_fini(&path);
    buf_fini(&answer);
    return code;
}

int publish_command(const struct args *a)
{
    struct bytes payload = bytes_of(a->words[2]);
    struct buf path, body, answer;
    buf_init(&path, PATH_MOST);
    buf_init(&body, HTTP_BODY_MAX);
    buf_init(&answer, HTTP_BODY_MAX);
    path_write(&path, a, "/publish");
    if (!event_valid(bytes_of(a->words[1])))
        refuse("belfry publish: EVENT: 1 to %d bytes of UTF-8 without spaces, control characters "
               "and , \" \\, not beginning with phx_ or presence",
               EVENT_MAX);
    if (!json_valid(payload))
        refuse("belfry publish: JSON: is not");
    buf_text(&body, "{\"event\":");
    json_write_string(&body, bytes_of(a->words[1]));
    buf_text(&body, ",\"payload\":");
    buf_bytes(&body, payload);
    buf_byte(&body, '}');
    if (body.overflowed)
        refuse("belfry publish: more than %d bytes", HTTP_BODY_MAX);
    int code = http_ask(a, "POST", text_of(&path), "application/json", buf_all(&body), &answer);
    if (code == 0)
        printf("%.*s\n", (int)answer.n, answer.p);
    buf_fini(&path);
    buf_fini(&body);
    buf_fini(&answer);
    return code;
}

static struct bytes member_of(struct bytes object, const char *name)
{
    struct json in = json_over(object);
    struct bytes key, value;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        if (json_key_is(key, name))
            return value;
    return (struct bytes){0};
}

/* A name of a checked answer, which needs no escapes but what JSON text may have. */
static void print_name(struct bytes string)
{
    char room[1024];
    struct arena scratch = {.p = room, .cap = sizeof room};
    struct bytes name = string;
    json_string(string, &scratch, &name);
    printf("%.*s", (int)name.n, name.p);
}

/* "ann 2": whose, and how many connections. */
static void print_presences(struct bytes presences)
{
    struct json in = json_over(presences);
    struct bytes user, value, meta;
    json_enter(&in, '{');
    while (json_member(&in, &user, &value)) {
        unsigned count = 0;
        struct json metas = json_over(member_of(value, "metas"));
        json_enter(&metas, '[');
        while (json_element(&metas, &meta))
            count++;
        print_name(user);
        printf(" %u\n", count);
    }
}

int who_command(const struct args *a)
{
    bool count_only = args_get(a, "--count") != NULL, json = args_get(a, "--json") != NULL;
    struct buf path, answer;
    buf_init(&path, PATH_MOST);
    buf_init(&answer, 64 << 20);
    path_write(&path, a, count_only ? "/presence?count=1" : "/presence");
    int code = http_ask(a, "GET", text_of(&path), NULL, (struct bytes){0}, &answer);
    struct bytes count = code ? (struct bytes){0} : member_of(buf_all(&answer), "count");
    if (code == 0 && json)
        printf("%.*s\n", (int)answer.n, answer.p);
    else if (code == 0 && count_only)
        printf("%.*s\n", (int)count.n, count.p);
    else if (code == 0)
        print_presences(member_of(buf_all(&answer), "presences"));
    buf_fini(&path);
    buf_fini(&answer);
    return code;
}

/* Prints a page; false when it was the last. `path` becomes the next one's. */
static bool members_page(const struct args *a, struct bytes answer, struct buf *path)
{
    struct bytes next = member_of(answer, "next"), user;
    struct json in = json_over(member_of(answer, "members"));
    json_enter(&in, '[');
    while (json_element(&in, &user)) {
        print_name(user);
        putchar('\n');
    }
    char room[1024], text[USER_MAX + 1];
    struct arena scratch = {.p = room, .cap = sizeof room};
    struct bytes after;
    if (next.n == 0 || !json_string(next, &scratch, &after) || after.n == 0 || after.n > USER_MAX)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)after.n, after.p);
    path_write(path, a, "/members?limit=1000&after=");
    http_encode(path, text);
    return true;
}

static int members_list(const struct args *a)
{
    struct buf path, answer;
    bool more = true;
    int code = 0;
    buf_init(&path, PATH_MOST);
    buf_init(&answer, HTTP_BODY_MAX);
    path_write(&path, a, "/members?limit=1000");
    while (code == 0 && more) {
        code = http_ask(a, "GET", text_of(&path), NULL, (struct bytes){0}, &answer);
        more = code == 0 && members_page(a, buf_all(&answer), &path);
    }
    buf_fini(&path);
    buf_fini(&answer);
    return code;
}

static int members_change(const struct args *a, bool remove)
{
    struct buf path, body, answer;
    buf_init(&path, PATH_MOST);
    buf_init(&body, HTTP_BODY_MAX);
    buf_init(&answer, HTTP_BODY_MAX);
    for (unsigned i = 2; i < a->count; i++) {
        if (!user_valid(bytes_of(a->words[i])))
            refuse("belfry members: USER: 1 to %d bytes of UTF-8 without spaces, control "
                   "characters and , : \" \\",
                   USER_MAX);
        buf_text(&body, "{\"user\":");
        json_write_string(&body, bytes_of(a->words[i]));
        buf_text(&body, remove ? ",\"remove\":true}\n" : "}\n");
    }
    if (body.overflowed)
        refuse("belfry members: more than %d bytes", HTTP_BODY_MAX);
    path_write(&path, a, "/members");
    int code = http_ask(a, "POST", text_of(&path), "application/x-ndjson", buf_all(&body), &answer);
    if (code == 0)
        printf("%.*s\n", (int)answer.n, answer.p);
    buf_fini(&path);
    buf_fini(&body);
    buf_fini(&answer);
    return code;
}

int members_command(const struct args *a)
{
    if (a->count == 1)
        return members_list(a);
    bool add = strcmp(a->words[1], "add") == 0;
    if ((!add && strcmp(a->words[1], "remove") != 0) || a->count < 3)
        refuse("belfry members: \"%s\": behind TOPIC nothing, add USER... or remove USER...",
               a->words[1]);
    return members_change(a, !add);
}
