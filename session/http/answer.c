/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/answer.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "session/http/http.h"
#include "session/http/origin.h"

#include <microhttpd.h>

static void answered(struct session *s, struct request *r, unsigned status,
                     struct MHD_Response *response)
{
    ENSURE(r->response == NULL);
    r->response = response;
    r->status = status;
    if (r->suspended)
        http_go_on(s, r);
}

/* A page of another host may read what the API answers, if session/origins lists it. */
static void open_to_page(const struct session *s, const struct request *r,
                         struct MHD_Response *response)
{
    const char *origin = request_header(r, "Origin");
    if (s->settings->origins[0] == '\0' || strncmp(r->path, "/api/", 5) != 0)
        return;
    MHD_add_response_header(response, "Vary", "Origin");
    if (!origin || !origin_listed(s->settings->origins, origin))
        return;
    MHD_add_response_header(response, "Access-Control-Allow-Origin", origin);
    MHD_add_response_header(response, "Access-Control-Expose-Headers", "Retry-After");
    if (s->settings->cookie[0])
        MHD_add_response_header(response, "Access-Control-Allow-Credentials", "true");
}

void http_answer(struct session *s, struct request *r, unsigned status, const char *type,
                 struct bytes body, const char *const *headers)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
    ENSURE(response != NULL);
    if (type)
        MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    for (; headers && headers[0]; headers += 2)
        MHD_add_response_header(response, headers[0], headers[1]);
    open_to_page(s, r, response);
    if (s->draining) /* the next request is for the process after us */
        MHD_add_response_header(response, "Connection", "close");
    answered(s, r, status, response);
}

void http_answer_with(struct session *s, struct request *r, unsigned status,
                      struct MHD_Response *response)
{
    r->shared = true;
    answered(s, r, status, response);
}

void http_answer_own(struct session *s, struct request *r, unsigned status,
                     struct MHD_Response *response)
{
    MHD_add_response_header(response, "Cache-Control", "no-store");
    answered(s, r, status, response);
}

void http_answer_poll(struct session *s, struct request *r, struct bytes json)
{
    static const char *const open[] = {"Access-Control-Allow-Origin", "*", NULL};
    http_answer(s, r, MHD_HTTP_OK, "application/json; charset=utf-8", json, open);
}

static const char *title_of(unsigned status)
{
    const char *title = MHD_get_reason_phrase_for(status);
    return title ? title : "Error";
}

/* `member`: what it says besides, of this name; its value may be empty: then nothing. */
static void problem(struct session *s, struct request *r, unsigned status, const char *detail,
                    const char *member, const char *value)
{
    char room[1200];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_format(&out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":",
               title_of(status), status);
    json_write_string(&out, bytes_of(detail));
    if (value[0]) {
        buf_format(&out, ",\"%s\":", member);
        json_write_string(&out, bytes_of(value));
    }
    buf_byte(&out, '}');
    static const char *const later[] = {"Retry-After", "1", NULL};
    static const char *const who[] = {"WWW-Authenticate", "Bearer", NULL};
    static const char *const version[] = {"Sec-WebSocket-Version", "13", NULL};
    const char *const *extra = status == 503 || status == 507 || status == 429 ? later
                               : status == 401                                 ? who
                               : status == 426                                 ? version
                                                                               : NULL;
    if (status < 500 && status != 413 && status != 429) /* limits have counters of their own */
        count_one(s, COUNT_refused_bad);
    http_answer(s, r, status, "application/problem+json", buf_all(&out), extra);
}

void http_problem(struct session *s, struct request *r, unsigned status, const char *field,
                  const char *detail)
{
    problem(s, r, status, detail, "field", field);
}

void http_limit(struct session *s, struct request *r, unsigned status, const char *limit,
                const char *detail)
{
    problem(s, r, status, detail, "limit", limit);
}
