/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/http.h"

#include "lib/ensure.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 16384 };

struct head {
    int status;
    size_t size;   /* of the head itself */
    size_t length; /* of the body */
    bool close;    /* the server will close behind it */
    bool known;    /* it said a length */
};

static bool header_is(const char *line, size_t n, const char *name)
{
    return n > strlen(name) && strncasecmp(line, name, strlen(name)) == 0;
}

/* False when the head is not whole; a status of 0 when it is not one. */
static bool head_read(struct bytes in, struct head *h)
{
    const char *end = bytes_find(in, BYTES("\r\n\r\n"));
    *h = (struct head){0};
    if (!end)
        return in.n > HEAD_MAX;
    h->size = (size_t)(end - in.p) + 4;
    if (h->size > 12 && memcmp(in.p, "HTTP/1.", 7) == 0)
        h->status = atoi(in.p + 9);
    for (const char *line = in.p; line < end;) {
        const char *next = bytes_find((struct bytes){line, (size_t)(end + 2 - line)},
                                      BYTES("\r\n"));
        size_t n = (size_t)(next - line);
        if (header_is(line, n, "content-length:")) {
            h->length = strtoul(line + 15, NULL, 10);
            h->known = true;
        } else if (header_is(line, n, "connection: close")) {
            h->close = true;
        }
        line = next + 2;
    }
    return true;
}

static void lose(struct http *h, const char *why)
{
    conn_close(&h->conn);
    h->ops->gone(h, why);
    h->waiting = false;
}

static size_t arrived(struct conn *c, struct bytes in)
{
    struct http *h = (struct http *)c;
    struct head head;
    if (!head_read(in, &head))
        return 0;
    if (!h->waiting || head.status < 100 || !head.known) {
        lose(h, h->waiting ? "an answer without a length" : "an answer to nothing");
        return 0;
    }
    if (in.n - head.size < head.length)
        return 0;
    h->last = head.close;
    h->waiting = false;
    h->ops->answered(h, head.status, (struct bytes){in.p + head.size, head.length});
    return head.size + head.length;
}

static void gone(struct conn *c, const char *why)
{
    lose((struct http *)c, why);
}

static void opened(struct conn *c)
{
    conn_flush(c);
}

void http_init(struct http *h, struct poller *p, const struct http_ops *ops,
               const struct sockaddr_in *to, uint32_t number)
{
    *h = (struct http){.ops = ops, .poller = p, .to = to, .number = number};
    h->conn.source.fd = -1;
}

void http_fini(struct http *h)
{
    conn_close(&h->conn);
}

void http_ask(struct http *h, struct bytes head, struct bytes body)
{
    static const struct conn_ops conn_ops = {opened, arrived, gone};
    ENSURE(!h->waiting);
    h->waiting = true;
    if (h->last)
        conn_close(&h->conn);
    h->last = false;
    if (h->conn.source.fd < 0)
        conn_open(&h->conn, h->poller, &conn_ops, h->to, h->number);
    struct buf *out = &h->conn.out;
    buf_bytes(out, head);
    buf_format(out, "Content-Length: %zu\r\n\r\n", body.n);
    buf_bytes(out, body);
    conn_flush(&h->conn);
}
