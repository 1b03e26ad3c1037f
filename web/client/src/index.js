// SPDX-License-Identifier: Apache-2.0
/* @belfry/client: types/index.d.ts says what each does, and the README beside the package how it begins. */
export { createInbox } from './inbox.js';
export { connect } from './live.js';
export { createPresence, createTopic } from './topics.js';
