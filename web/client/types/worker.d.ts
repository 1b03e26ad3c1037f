// SPDX-License-Identifier: Apache-2.0

/** In the service worker's script, once. */
export function belfryWorker(options: {
  /** Another one is another cache. */
  version: string;
  /** Paths to have at hand. */
  shell: string[];
  /** The path of a navigation -> the path in the shell that answers it. */
  page?: (path: string) => string;
  /** Paths that are never answered from the cache. */
  live?: RegExp;
}): void;
