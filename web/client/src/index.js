// SPDX-License-Identifier: Apache-2.0
/* @belfry/client: docs/client.md, and the README beside the package. */
import { Live } from './live.js';

/** connect({url, token}): see types/index.d.ts. */
export const connect = (options) => new Live(options);
export { createInbox } from './inbox.js';
export { createPresence, createTopic } from './topics.js';
