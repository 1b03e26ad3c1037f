/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/items.h"

#define NAMES(name, push, path, all_push, all_path) {push, path, all_push, all_path},
const struct mark_names mark_names[] = {MARKS(NAMES)};

#define NAME(name) #name,
const char *const removal_names[] = {REMOVALS(NAME)};
const char *const item_field_names[] = {ITEM_FIELDS_LIST(NAME)};

#define WHY_NOT_NAME(name) #name,
const char *const why_not_names[WHY_COUNT] = {WHY_NOTS(WHY_NOT_NAME)};
