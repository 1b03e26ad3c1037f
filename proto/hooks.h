/* SPDX-License-Identifier: Apache-2.0 */
/* hooks.h -- what the settings say of the application that is asked, and of keys that are fetched.
 *
 * The process `hook` does both; it runs when there is something for it to do (hooks_wanted()).
 * Rules   URLs are https://; http:// too for hooks, and on this machine's loopback for keys: whoever
 *         can change a key set on its way can sign tokens. */
#pragma once

#include "proto/settings.h"

/* auth/jwks is a URL, and no file. */
bool jwks_by_url(const struct settings *s);

/* There is something to be asked or fetched. */
bool hooks_wanted(const struct settings *s);

/* NULL, or what is wrong with the settings of hooks and of auth/jwks (static). */
const char *hooks_refused(const struct settings *s);
