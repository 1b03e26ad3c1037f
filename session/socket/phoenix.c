/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/phoenix.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/topic.h"

static bool a_ref(struct bytes value)
{
    char kind = json_kind(value);
    return value.n <= REF_MAX && (kind == '"' || kind == '0' || phx_is_null(value));
}

static bool names(struct phx_in *in, struct bytes topic, struct bytes event, struct arena *scratch)
{
    if (!json_string(topic, scratch, &in->topic) || !json_string(event, scratch, &in->event))
        return false;
    in->topic_raw = topic_valid(in->topic) ? in->topic : (struct bytes){topic.p + 1, topic.n - 2};
    return true;
}

static const char *read_v2(struct phx_in *in, struct bytes text, struct arena *scratch)
{
    struct json j = json_over(text);
    struct bytes part[5] = {{0}}, value;
    unsigned n = 0;
    json_enter(&j, '[');
    while (json_element(&j, &value))
        if (n < 5)
            part[n++] = value; /* more than five: Phoenix takes the first five too */
    if (!json_end(&j) || n < 5)
        return "not an array of five";
    if (!a_ref(part[0]) || !a_ref(part[1]))
        return "a ref is not a short string or number";
    if (!names(in, part[2], part[3], scratch))
        return "topic and event are not strings";
    in->join_ref = part[0];
    in->ref = part[1];
    in->payload = part[4];
    return NULL;
}

static const char *read_v1(struct phx_in *in, struct bytes text, struct arena *scratch)
{
    struct bytes topic = {0}, event = {0};
    const struct json_place places[] = {{"topic", &topic},
                                        {"event", &event},
                                        {"payload", &in->payload},
                                        {"ref", &in->ref},
                                        {"join_ref", &in->join_ref}};
    struct json_members m = {.places = places, .count = sizeof places / sizeof *places};
    in->join_ref = PHX_NULL;
    if (!json_read(text, &m))
        return "not an object";
    if (m.twice)
        return json_twice(&m, scratch);
    if (!topic.n || !event.n || !in->payload.n || !in->ref.n)
        return "topic, event, payload and ref must be there";
    if (!a_ref(in->join_ref) || !a_ref(in->ref))
        return "a ref is not a short string or number";
    if (!names(in, topic, event, scratch))
        return "topic and event are not strings";
    return NULL;
}

const char *phx_read_text(struct phx_in *in, struct bytes text, enum phx_vsn vsn,
                          struct arena *scratch)
{
    *in = (struct phx_in){0};
    return vsn == PHX_V1 ? read_v1(in, text, scratch) : read_v2(in, text, scratch);
}

/* May stand in a JSON string as it is. */
static bool plain(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == '"' || text.p[i] == '\\')
            return false;
    return utf8_valid(text);
}

/* `text` as a raw JSON string, like the refs of a text frame. */
static struct bytes quoted(struct bytes text, struct arena *scratch)
{
    char *p = arena_alloc(scratch, text.n + 2);
    if (!p)
        return (struct bytes){0};
    p[0] = '"';
    memcpy(p + 1, text.p, text.n);
    p[text.n + 1] = '"';
    return (struct bytes){p, text.n + 2};
}

/* 00 | sizes of join_ref, ref, topic, event | the four | data */
const char *phx_read_binary(struct phx_in *in, struct bytes bytes, struct arena *scratch)
{
    *in = (struct phx_in){.binary = true};
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (bytes.n < 5 || p[0] != 0)
        return "not a binary push";
    struct bytes part[4];
    size_t at = 5;
    for (size_t i = 0; i < 4; i++) {
        size_t n = p[1 + i];
        if (n > bytes.n - at)
            return "a size is beyond the end";
        part[i] = (struct bytes){bytes.p + at, n};
        at += n;
    }
    for (size_t i = 0; i < 2; i++)
        if (part[i].n + 2 > REF_MAX || !plain(part[i]))
            return "a ref is not a short string or number";
    in->join_ref = part[0].n ? quoted(part[0], scratch) : PHX_NULL;
    in->ref = part[1].n ? quoted(part[1], scratch) : PHX_NULL;
    in->topic = part[2];
    in->topic_raw = topic_valid(part[2]) ? part[2] : BYTES("?"); /* 1.7 cuts é to one byte here */
    in->event = part[3];
    in->payload = (struct bytes){bytes.p + at, bytes.n - at};
    return scratch->overflowed ? "too long" : NULL;
}

static size_t put_header(char *to, uint8_t opcode, size_t n)
{
    to[0] = (char)(0x80 | opcode);
    if (n < 126) {
        to[1] = (char)n;
        return 2;
    }
    size_t size = n <= UINT16_MAX ? 2 : 8;
    to[1] = (char)(size == 2 ? 126 : 127);
    for (size_t i = 0; i < size; i++)
        to[2 + i] = (char)(n >> (8 * (size - 1 - i)) & 0xff);
    return 2 + size;
}

/* A frame of these pieces. */
static struct frame *gather(uint8_t opcode, const struct bytes *pieces, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += pieces[i].n;
    char header[WS_HEADER_MAX];
    size_t head = put_header(header, opcode, n);
    struct frame *f = frame_new(head + n);
    memcpy(f->p, header, head);
    char *to = f->p + head;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].n > 0)
            memcpy(to, pieces[i].p, pieces[i].n);
        to += pieces[i].n;
    }
    return f;
}

enum { OPCODE_text = 1, OPCODE_binary = 2 };

#define GATHER(opcode, ...)                                                                        \
    gather(opcode, (struct bytes[]){__VA_ARGS__},                                                  \
           sizeof((struct bytes[]){__VA_ARGS__}) / sizeof(struct bytes))

struct frame *phx_frame(enum phx_vsn vsn, struct bytes join_ref, struct bytes ref,
                        struct bytes topic, struct bytes event, struct bytes payload)
{
    if (vsn == PHX_V1)
        return GATHER(OPCODE_text, BYTES("{\"topic\":\""), topic, BYTES("\",\"event\":\""), event,
                      BYTES("\",\"ref\":"), ref, BYTES(",\"payload\":"), payload, BYTES("}"));
    return GATHER(OPCODE_text, BYTES("["), join_ref, BYTES(","), ref, BYTES(",\""), topic,
                  BYTES("\",\""), event, BYTES("\","), payload, BYTES("]"));
}

struct frame *phx_reply(enum phx_vsn vsn, struct bytes join_ref, struct bytes ref,
                        struct bytes topic, const char *status, struct bytes response)
{
    struct bytes word = bytes_of(status);
    if (vsn == PHX_V1)
        return GATHER(OPCODE_text, BYTES("{\"topic\":\""), topic,
                      BYTES("\",\"event\":\"phx_reply\",\"ref\":"), ref,
                      BYTES(",\"payload\":{\"status\":\""), word, BYTES("\",\"response\":"),
                      response, BYTES("}}"));
    return GATHER(OPCODE_text, BYTES("["), join_ref, BYTES(","), ref, BYTES(",\""), topic,
                  BYTES("\",\"phx_reply\",{\"status\":\""), word, BYTES("\",\"response\":"),
                  response, BYTES("}]"));
}

/* A size is one byte. */
static char size_byte(struct bytes b)
{
    ENSURE(b.n <= UINT8_MAX);
    return (char)(uint8_t)b.n;
}

struct frame *phx_binary_broadcast(struct bytes topic, struct bytes event, struct bytes data)
{
    char head[] = {2, size_byte(topic), size_byte(event)};
    return GATHER(OPCODE_binary, {head, sizeof head}, topic, event, data);
}

/* A ref without its quotes; null has none. */
static struct bytes unquoted(struct bytes ref)
{
    if (phx_is_null(ref))
        return (struct bytes){0};
    return ref.p[0] == '"' ? (struct bytes){ref.p + 1, ref.n - 2} : ref;
}

struct frame *phx_binary_reply(struct bytes join_ref, struct bytes ref, struct bytes topic,
                               const char *status, struct bytes data)
{
    struct bytes a = unquoted(join_ref), b = unquoted(ref), word = bytes_of(status);
    char head[] = {1, size_byte(a), size_byte(b), size_byte(topic), size_byte(word)};
    return GATHER(OPCODE_binary, {head, sizeof head}, a, b, topic, word, data);
}

struct bytes phx_text(const struct frame *f)
{
    ENSURE(f->n >= 2);
    size_t head = (f->p[1] & 0x7f) == 126 ? 4 : (f->p[1] & 0x7f) == 127 ? 10 : 2;
    return (struct bytes){f->p + head, f->n - head};
}

struct frame *ws_control(uint8_t opcode, struct bytes payload)
{
    ENSURE(payload.n <= 125);
    char header[WS_HEADER_MAX];
    size_t head = put_header(header, opcode, payload.n);
    struct frame *f = frame_new(head + payload.n);
    memcpy(f->p, header, head);
    if (payload.n > 0)
        memcpy(f->p + head, payload.p, payload.n);
    return f;
}
