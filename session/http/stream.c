/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/stream.h"

#include "lib/ensure.h"
#include "session/http/http.h"

#include <microhttpd.h>
#include <stdlib.h>

enum { CHUNK = 32768 };

struct stream {
    struct session *s;
    struct request *r;
    struct stream_owner owner;
    struct buf part;
    size_t sent; /* of the part */
    bool last, broken;
    bool asked; /* for a part that is not there yet */
};

static size_t take(struct stream *st, char *to, size_t max)
{
    size_t n = st->part.n - st->sent;
    if (n > max)
        n = max;
    memcpy(to, st->part.p + st->sent, n);
    st->sent += n;
    return n;
}

/* libmicrohttpd wants bytes. */
static ssize_t read_part(void *cls, uint64_t at, char *to, size_t max)
{
    struct stream *st = cls;
    (void)at;
    if (st->sent == st->part.n && !st->last && !st->broken && !st->asked) {
        st->asked = true;
        st->owner.more(st->owner.about);
    }
    if (st->broken)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (st->sent < st->part.n)
        return (ssize_t)take(st, to, max);
    if (st->last)
        return MHD_CONTENT_READER_END_OF_STREAM;
    http_wait(st->s, st->r);
    return 0;
}

static void forget(void *cls)
{
    struct stream *st = cls;
    st->owner.ended(st->owner.about);
    buf_fini(&st->part);
    free(st);
}

struct stream *stream_begin(struct session *s, struct request *r, const char *type,
                            struct stream_owner owner)
{
    struct stream *st = calloc(1, sizeof *st);
    ENSURE(st != NULL);
    *st = (struct stream){.s = s, .r = r, .owner = owner};
    buf_init(&st->part, TEXT_MAX);
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CHUNK,
                                                                      read_part, st, forget);
    ENSURE(response != NULL);
    MHD_add_response_header(response, "Content-Type", type);
    http_answer_own(s, r, 200, response);
    return st;
}

struct buf *stream_part(struct stream *st)
{
    buf_reset(&st->part);
    st->sent = 0;
    return &st->part;
}

/* The request waits only when the part comes later than it is asked for. */
static void go_on(struct stream *st)
{
    st->asked = false;
    if (st->r->suspended)
        http_go_on(st->s, st->r);
}

void stream_give(struct stream *st, bool last)
{
    ENSURE(!st->part.overflowed);
    st->last = last;
    go_on(st);
}

void stream_break(struct stream *st)
{
    st->broken = true;
    go_on(st);
}
