/* SPDX-License-Identifier: Apache-2.0 */
/* node.h -- this node's processes over HTTP, for the console and the demo: what the files of DATA/run
 * say. Reading needs the API key or a service token; killing is for dev mode alone.
 *
 * Limits  the log's answer has at most LOG_LINES lines, of all processes together, by time. */
#pragma once

#include "session/http/http.h"

enum { LOG_LINES = 500 };

/* True: a back end's; else it is answered. */
bool node_service(struct session *s, struct request *r);

#define KILL_MEMBERS "role, pid"

void node_processes(struct session *s, struct request *r);
void node_log(struct session *s, struct request *r);
void node_kill(struct session *s, struct request *r);
