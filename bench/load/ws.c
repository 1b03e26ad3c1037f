/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/ws.h"

#include <string.h>

/* The nonce of RFC 6455's own example: its answer need not be computed. */
#define NONCE "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { OP_text = 1, OP_close = 8, OP_ping = 9, OP_pong = 10, FIN = 0x80, MASKED = 0x80 };
enum { HANDSHAKE_MAX = 8192 };

static void lose(struct ws *w, const char *why)
{
    ws_close(w);
    w->ops->gone(w, why);
}

static void frame(struct ws *w, int op, struct bytes payload)
{
    struct buf *out = &w->conn.out;
    buf_byte(out, (uint8_t)(FIN | op));
    if (payload.n < 126) {
        buf_byte(out, (uint8_t)(MASKED | payload.n));
    } else if (payload.n < 65536) {
        uint8_t head[] = {MASKED | 126, (uint8_t)(payload.n >> 8), (uint8_t)payload.n};
        buf_add(out, head, sizeof head);
    } else {
        buf_byte(out, MASKED | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            buf_byte(out, (uint8_t)(payload.n >> shift));
    }
    w->mask = w->mask * 1664525 + 1013904223; /* new for each frame; nothing here is secret */
    buf_add(out, &w->mask, sizeof w->mask);
    size_t at = out->n;
    buf_bytes(out, payload);
    if (out->overflowed)
        return;
    uint8_t key[4];
    memcpy(key, &w->mask, sizeof key);
    for (size_t i = 0; i < payload.n; i++)
        out->p[at + i] = (char)(out->p[at + i] ^ key[i & 3]);
}

void ws_text(struct ws *w, struct bytes text)
{
    frame(w, OP_text, text);
}

void ws_flush(struct ws *w)
{
    if (w->conn.out.overflowed)
        lose(w, "takes nothing: 8 MB wait for it");
    else
        conn_flush(&w->conn);
}

void ws_close(struct ws *w)
{
    w->upgraded = false;
    conn_close(&w->conn);
}

/* A header's value is looked for as the text that our server writes; others would write it so. */
static bool accepted(struct bytes head)
{
    static const char status[] = "HTTP/1.1 101 ";
    return head.n > sizeof status && memcmp(head.p, status, sizeof status - 1) == 0 &&
           bytes_find(head, BYTES(ACCEPT "\r\n"));
}

static size_t handshake(struct ws *w, struct bytes in)
{
    const char *end = bytes_find(in, BYTES("\r\n\r\n"));
    if (!end) {
        if (in.n > HANDSHAKE_MAX)
            lose(w, "no end of the handshake");
        return 0;
    }
    size_t n = (size_t)(end - in.p) + 4;
    if (!accepted((struct bytes){in.p, n})) {
        lose(w, "the server did not upgrade");
        return n;
    }
    w->upgraded = true;
    w->ops->opened(w);
    return n;
}

static void incoming(struct ws *w, int op, struct bytes payload)
{
    switch (op) {
    case FIN | OP_text:
        w->ops->message(w, payload);
        break;
    case FIN | OP_ping:
        frame(w, OP_pong, payload);
        ws_flush(w);
        break;
    case FIN | OP_pong:
        break;
    case FIN | OP_close:
        lose(w, "closed with a close frame");
        break;
    default:
        lose(w, "sent a frame that this client does not take");
    }
}

/* One whole frame's length, or 0 when it is not there yet. */
static size_t frame_at(struct bytes in, struct bytes *payload)
{
    if (in.n < 2)
        return 0;
    const uint8_t *p = (const uint8_t *)in.p;
    size_t head = 2;
    uint64_t n = p[1] & 0x7f;
    if (n > 125) {
        size_t wide = n == 126 ? 2 : 8;
        if (in.n < head + wide)
            return 0;
        n = 0;
        for (size_t i = 0; i < wide; i++)
            n = n << 8 | p[head + i];
        head += wide;
    }
    if (n > in.n - head)
        return 0;
    *payload = (struct bytes){in.p + head, n};
    return head + n;
}

static size_t arrived(struct conn *c, struct bytes in)
{
    struct ws *w = (struct ws *)c;
    size_t done = 0;
    if (!w->upgraded)
        done = handshake(w, in);
    while (w->upgraded) {
        struct bytes payload;
        size_t n = frame_at((struct bytes){in.p + done, in.n - done}, &payload);
        if (n == 0)
            break;
        int op = (uint8_t)in.p[done];
        done += n;
        incoming(w, op, payload);
    }
    return done;
}

static void gone(struct conn *c, const char *why)
{
    struct ws *w = (struct ws *)c;
    w->upgraded = false;
    w->ops->gone(w, why);
}

static void opened(struct conn *c)
{
    conn_flush(c);
}

void ws_open(struct ws *w, struct poller *p, const struct ws_ops *ops, const struct sockaddr_in *to,
             struct bytes path, uint32_t number)
{
    static const struct conn_ops conn_ops = {opened, arrived, gone};
    w->ops = ops;
    w->upgraded = false;
    w->mask = number;
    conn_open(&w->conn, p, &conn_ops, to, number);
    struct buf *out = &w->conn.out;
    buf_text(out, "GET ");
    buf_bytes(out, path);
    buf_format(out, " HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", ntohs(to->sin_port));
    buf_text(out, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: " NONCE "\r\nSec-WebSocket-Version: 13\r\n\r\n");
}
