/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/events.h"

#include "lib/ensure.h"

#define AS_NAME(name) #name,
static const char *const names[] = {NOTIFY_EVENTS(AS_NAME)};

const char *notify_event_name(enum notify_event_kind kind)
{
    return names[kind];
}

void notify_emit(struct notify_effects *fx, struct notify_effect effect)
{
    ENSURE(fx->n < NOTIFY_EFFECTS_MAX);
    fx->list[fx->n++] = effect;
}
