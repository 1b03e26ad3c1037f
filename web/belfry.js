// SPDX-License-Identifier: Apache-2.0
/* /belfry.js: for pages that have no build of their own. */
export * from './client/src/index.js';
export * from './client/src/topics.js';
