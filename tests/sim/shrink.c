/* SPDX-License-Identifier: Apache-2.0 */
/* shrink.c -- leaves out steps, many at a time and then one by one, as long as the same check still
 * fails. */
#include "tests/sim/sim.h"

enum { TRIES = 1500 };

static struct plan without(const struct plan *p, unsigned from, unsigned n)
{
    struct plan q = *p;
    memmove(q.list + from, q.list + from + n, (q.n - from - n) * sizeof *q.list);
    q.n -= n;
    return q;
}

void shrink(struct plan *p, uint64_t seed, const char *check)
{
    static struct plan q;
    unsigned tries = 0;
    bool shorter = true;
    for (unsigned n = p->n / 2; n > 0 && tries<TRIES; n = n> 1 ? n / 2 : (shorter ? 1 : 0)) {
        shorter = false;
        for (unsigned from = 0; from + n <= p->n && tries < TRIES;) {
            q = without(p, from, n);
            struct verdict v = run_plan(&q, seed, false);
            tries++;
            if (v.wrong && strcmp(v.check, check) == 0) {
                *p = q;
                shorter = true;
            } else {
                from += n;
            }
        }
    }
}
