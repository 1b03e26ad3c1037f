/* SPDX-License-Identifier: Apache-2.0 */
#include "session/presence/presence_room.h"

#include "lib/ensure.h"

#include <stdlib.h>

_Static_assert(TOPIC_MAX <= UINT8_MAX, "a topic's length fits");

static struct bytes ref_of(const void *entry)
{
    return entry_ref(entry);
}

struct bytes room_name(const void *room)
{
    const struct room *r = room;
    return (struct bytes){r->name, r->name_n};
}

struct room *room_new(struct bytes name, uint64_t seed)
{
    ENSURE(name.n <= TOPIC_MAX);
    struct room *r = calloc(1, sizeof *r + name.n);
    ENSURE(r != NULL);
    map_init(&r->entries, ref_of, seed);
    ring_init(&r->due);
    ring_init(&r->changed);
    r->name_n = (uint8_t)name.n;
    memcpy(r->name, name.p, name.n);
    return r;
}

void room_free(struct room *r)
{
    ENSURE(!r->busy);
    ENSURE(r->watchers_n == 0);
    ENSURE(!r->parts);
    struct presence_entry *e;
    room_told(r); /* it writes to those that are fresh */
    for (size_t at = 0; (e = map_next(&r->entries, &at));)
        free(e);
    ring_off(&r->due);
    ring_off(&r->changed);
    map_fini(&r->entries);
    entries_fini(&r->fresh);
    entries_fini(&r->left);
    free(r->watchers);
    free(r);
}

struct presence_entry *room_find(const struct room *r, struct bytes ref)
{
    return map_get(&r->entries, ref);
}

void room_join(struct room *r, struct presence_entry *e, unsigned self)
{
    map_put(&r->entries, e);
    e->fresh = true;
    e->at = r->fresh.n;
    entries_add(&r->fresh, e);
    if (e->owner == self) {
        r->own++;
        r->own_bytes += entry_size(e);
    }
}

static void unfresh(struct room *r, struct presence_entry *e)
{
    struct presence_entry *last = r->fresh.p[--r->fresh.n];
    r->fresh.p[e->at] = last;
    last->at = e->at;
}

void room_leave(struct room *r, struct presence_entry *e, unsigned self)
{
    map_remove(&r->entries, e);
    if (e->owner == self) {
        r->own--;
        r->own_bytes -= entry_size(e);
    }
    if (e->fresh) { /* nobody ever heard of it */
        unfresh(r, e);
        free(e);
    } else {
        entries_add(&r->left, e);
    }
}

void room_unkeep(struct room *r, unsigned owner)
{
    struct presence_entry *e;
    for (size_t at = 0; (e = map_next(&r->entries, &at));)
        if (e->owner == owner)
            e->kept = false;
}

void room_sweep(struct room *r, unsigned owner, unsigned self)
{
    struct entry_list gone = {0};
    struct presence_entry *e;
    for (size_t at = 0; (e = map_next(&r->entries, &at));)
        if (e->owner == owner && !e->kept)
            entries_add(&gone, e);
    for (uint32_t i = 0; i < gone.n; i++)
        room_leave(r, gone.p[i], self);
    entries_fini(&gone);
}

void room_blind(struct room *r, unsigned self)
{
    struct entry_list gone = {0};
    struct presence_entry *e;
    for (size_t at = 0; (e = map_next(&r->entries, &at));)
        if (e->owner != self)
            entries_add(&gone, e);
    for (uint32_t i = 0; i < gone.n; i++) {
        map_remove(&r->entries, gone.p[i]);
        if (gone.p[i]->fresh)
            unfresh(r, gone.p[i]);
        free(gone.p[i]);
    }
    entries_fini(&gone);
    uint32_t n = 0; /* what we have not told the other owners stays */
    for (uint32_t i = 0; i < r->left.n; i++) {
        if (r->left.p[i]->owner == self)
            r->left.p[n++] = r->left.p[i];
        else
            free(r->left.p[i]);
    }
    r->left.n = n;
    free(r->parts);
    r->parts = NULL;
    r->told = 0;
    r->counting = false;
}

bool room_settle(struct room *r)
{
    struct entry_list *came = &r->fresh, *left = &r->left;
    entries_sort(came);
    entries_sort(left);
    uint32_t i = 0, came_n = 0, left_n = 0;
    for (uint32_t j = 0; j < left->n; j++) {
        struct presence_entry *old = left->p[j];
        struct presence_entry *now = room_find(r, entry_ref(old));
        if (now && now->fresh) { /* its owner was away, and is back with it */
            now->fresh = false;
            free(old);
        } else {
            left->p[left_n++] = old;
        }
    }
    left->n = left_n;
    for (; i < came->n; i++)
        if (came->p[i]->fresh) {
            came->p[i]->at = came_n;
            came->p[came_n++] = came->p[i];
        }
    came->n = came_n;
    return came_n > 0 || left_n > 0;
}

void room_told(struct room *r)
{
    for (uint32_t i = 0; i < r->fresh.n; i++)
        r->fresh.p[i]->fresh = false;
    for (uint32_t i = 0; i < r->left.n; i++)
        free(r->left.p[i]);
    r->fresh.n = r->left.n = 0;
}

struct entry_list room_state(const struct room *r)
{
    struct entry_list all = {0};
    struct presence_entry *e;
    for (size_t at = 0; (e = map_next(&r->entries, &at));)
        if (!e->fresh)
            entries_add(&all, e);
    for (uint32_t i = 0; i < r->left.n; i++)
        entries_add(&all, r->left.p[i]);
    entries_sort(&all);
    return all;
}

static void put(struct room *r, uint32_t at, struct watcher *w)
{
    r->watchers[at] = w;
    w->at = at;
}

struct watcher *room_watch(struct room *r, void *member)
{
    struct watcher *w = calloc(1, sizeof *w);
    ENSURE(w != NULL);
    if (r->watchers_n == r->watchers_cap) {
        r->watchers_cap = r->watchers_cap ? r->watchers_cap * 2 : 4;
        r->watchers = realloc(r->watchers, r->watchers_cap * sizeof(struct watcher *));
        ENSURE(r->watchers != NULL);
    }
    w->room = r;
    w->member = member;
    put(r, r->watchers_n++, w);
    return w;
}

void room_tell(struct watcher *w)
{
    struct room *r = w->room;
    ENSURE(w->at >= r->told);
    put(r, w->at, r->watchers[r->told]);
    put(r, r->told++, w);
}

void room_untell(struct watcher *w)
{
    struct room *r = w->room;
    ENSURE(w->at < r->told);
    put(r, w->at, r->watchers[--r->told]);
    put(r, r->told, w);
}

void room_unwatch(struct watcher *w)
{
    struct room *r = w->room;
    if (w->at < r->told)
        room_untell(w);
    put(r, w->at, r->watchers[--r->watchers_n]);
    free(w);
}
