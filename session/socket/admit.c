/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/admit.h"

#include "lib/bucket.h"
#include "lib/ensure.h"
#include "session/socket/entrance.h"
#include "session/users.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum limit admit_connection(struct session *s, struct request *r)
{
    struct entrance *e = r->entrance;
    struct bytes name = bytes_of(e->who.token.sub);
    const struct user *u = name.n > 0 ? map_get(&s->users, name) : NULL;
    uint64_t most = s->settings->user_connections;
    bool full = false;
    if (conns_full(s))
        return LIMIT_connections;
    if (s->memory_full)
        return LIMIT_memory;
    if (u && most > 0 && u->connections + u->coming >= most)
        return LIMIT_user_connections;
    e->from = request_address(r, &full);
    if (full)
        return LIMIT_address_connections;
    e->user = user_coming(s, name);
    conns_keep(s);
    return LIMIT_COUNT;
}

void admit_came(struct session *s, struct entrance *e)
{
    if (e->user)
        conns_unkeep(s);
    user_came(s, &e->user);
    address_leave(s, &e->from);
}

bool admit_message(struct session *s, struct conn *c, uint64_t bytes)
{
    const struct settings *set = s->settings;
    struct user *u = c->user;
    bool known = u->name_n > 0; /* else it is many */
    return bucket_take(&c->messages_us, 1, set->messages_per_s, s->now_ms) &&
           bucket_take(&c->bytes_us, bytes, set->bytes_per_s, s->now_ms) &&
           (!known || (bucket_take(&u->messages_us, 1, set->user_messages_per_s, s->now_ms) &&
                       bucket_take(&u->bytes_us, bytes, set->user_bytes_per_s, s->now_ms)));
}

bool admit_join(struct session *s)
{
    return bucket_take(&s->joins_us, 1, s->settings->joins_per_s, s->now_ms);
}

/* proc(5): the second number of statm is the pages in memory. */
static uint64_t resident(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    unsigned long long size = 0, pages = 0;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%llu %llu", &size, &pages) != 2)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void admit_sweep(struct session *s)
{
    uint64_t most = s->settings->memory_mb << 20;
    s->memory_full = most > 0 && resident() > most;
}

/* The key's own, or one that nobody holds. */
static struct key_queue *queue_of(struct session *s, const char *key)
{
    struct key_queue *free_one = NULL;
    for (unsigned i = 0; i < KEY_QUEUES; i++) {
        struct key_queue *q = &s->key_queues[i];
        if (q->held > 0 && strcmp(q->name, key) == 0)
            return q;
        if (q->held == 0)
            free_one = q;
    }
    return free_one;
}

struct key_queue *admit_request(struct session *s, const char *key)
{
    struct key_queue *q = queue_of(s, key);
    uint64_t most = s->settings->key_requests;
    if (!q || (most > 0 && q->waiting >= most))
        return NULL; /* none free: so many keys were revoked while they waited */
    if (q->held++ == 0)
        snprintf(q->name, sizeof q->name, "%s", key);
    return q;
}

void admit_request_over(struct key_queue **slot)
{
    if (!*slot)
        return;
    ENSURE((*slot)->held > 0);
    (*slot)->held--;
    *slot = NULL;
}
