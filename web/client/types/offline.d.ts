// SPDX-License-Identifier: Apache-2.0
import type { OfflineQueue } from './index.js';

export const SYNC_TAG: string;
export function offlineQueue(): OfflineQueue;
/** Send what waits; false: something is left. */
export function flush(fetch?: typeof globalThis.fetch): Promise<boolean>;
