/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"

#include "lib/ensure.h"

#define AS_NAME(name, doc) #name,
static const char *const names[] = {ERRORS(AS_NAME)};
#define AS_TEXT(name, doc) doc,
static const char *const texts[] = {ERRORS(AS_TEXT)};

const char *err_name(enum err e)
{
    ENSURE((unsigned)e < ERR_COUNT);
    return names[e];
}

const char *err_text(enum err e)
{
    ENSURE((unsigned)e < ERR_COUNT);
    return texts[e];
}
