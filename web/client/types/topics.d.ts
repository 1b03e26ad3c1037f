// SPDX-License-Identifier: Apache-2.0
import type { Live, View } from './index.js';

export interface Message {
  event: string;
  payload: { seq: number; prev: number; at: string; from: string | null; [key: string]: any };
}

export interface TopicSnapshot {
  /** Oldest first. */
  messages: Message[];
  ready: boolean;
  hasMore: boolean;
  refused: string | null;
}

export interface Topic extends View<TopicSnapshot> {
  publish(event: string, payload?: object): Promise<{ seq?: number; at?: string }>;
  /** Every event, kept or passing. */
  on(fn: (event: string, payload: any) => void): () => void;
  loadMore(): Promise<void>;
}

export function createTopic(live: Live, topic: string): Topic;

export interface PresenceSnapshot {
  /** Empty where so many are there that only their number is told. */
  users: { user: string; metas: Record<string, any>[] }[];
  count: number;
  ready: boolean;
  refused: string | null;
}

export interface Presence extends View<PresenceSnapshot> {
  /** Change what the others see of us. */
  update(meta: object): Promise<unknown>;
}

export function createPresence(live: Live, topic: string, meta?: object): Presence;
