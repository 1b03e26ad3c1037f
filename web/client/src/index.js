// SPDX-License-Identifier: Apache-2.0
/* @belfry/client: types/index.d.ts says what each does, and the README beside the package how it begins. What not
 * every page needs has an entry of its own: topics.js, offline.js, worker.js. */
export { createInbox } from './inbox.js';
export { connect } from './live.js';
