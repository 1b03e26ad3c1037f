/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/counts.h"

#include "bench/load/api.h"
#include "bench/load/phoenix.h"

uint64_t counts_sum(struct bench *b)
{
    struct api *a = api_new(b);
    uint64_t sum = 0, unread;
    for (uint64_t n = 0; n < b->opt.users && b->failures == 0; n++) {
        char user[BENCH_USER];
        bench_user(b, n, user);
        struct bytes answer = api_call(a, "GET /api/notifications/count", user, NULL,
                                       (struct bytes){0});
        if (field_u64(answer, "unread_count", &unread))
            sum += unread;
    }
    api_free(&a);
    return sum;
}
