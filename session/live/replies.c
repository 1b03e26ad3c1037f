/* SPDX-License-Identifier: Apache-2.0 */
#include "session/live/replies.h"

#include "lib/json.h"

void reply(struct session *s, struct conn *c, const struct phx_in *in, struct bytes join_ref,
           const char *status, struct bytes response)
{
    conn_send(s, c,
              phx_reply((enum phx_vsn)c->vsn, join_ref, in->ref, in->topic_raw, status, response));
}

void reply_error(struct session *s, struct conn *c, const struct phx_in *in, struct bytes join_ref,
                 const char *reason)
{
    char room[160];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"reason\":\"%s\"}", reason);
    reply(s, c, in, join_ref, "error", buf_all(&out));
}

void reply_limit(struct session *s, struct conn *c, const struct phx_in *in, enum limit which)
{
    const struct limit_row *row = &limit_rows[which];
    char room[200];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    count_one(s, row->counter);
    buf_format(&out, "{\"reason\":\"%s\",\"limit\":\"%s\"}", row->text, row->name);
    reply(s, c, in, in->join_ref, "error", buf_all(&out));
}

void reply_problem(struct session *s, struct conn *c, const struct phx_in *in,
                   const struct problem *why)
{
    char room[600];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_text(&out, "{\"reason\":");
    json_write_string(&out, bytes_of(why->detail));
    buf_text(&out, ",\"field\":");
    json_write_string(&out, bytes_of(why->field));
    buf_byte(&out, '}');
    reply(s, c, in, in->join_ref, "error", buf_all(&out));
}

void refuse_push(struct session *s, struct conn *c, const struct phx_in *in, struct bytes join_ref,
                 const char *reason)
{
    count_one(s, COUNT_pushes_refused);
    reply_error(s, c, in, join_ref, reason);
}

void refuse_wrong_push(struct session *s, struct conn *c, const struct phx_in *in,
                       const struct problem *why)
{
    count_one(s, COUNT_pushes_refused);
    reply_problem(s, c, in, why);
}
