// SPDX-License-Identifier: Apache-2.0
import type { Component, Snippet } from 'svelte';
import type { Inbox, InboxSnapshot, Live, Notification, Options, Passing, Readable, Connection } from '@belfry/client';
import type { Presence } from '@belfry/client/topics';

export * from '@belfry/client';
export * from '@belfry/client/topics';

export interface Texts {
  [name: string]: any;
}
export const english: Texts;
export function ago(time: string, now: number, locale?: string): string;
export function badgeText(count: number, most?: number): string;

/** Title, favicon and app badge follow the unread count; gives what ends it. */
export function followBadge(inbox: Readable<{ unread: number }>, options?: { title?: string; icon?: string; colour?: string }): () => void;

export interface NotificationStore {
  notifications: Readable<Notification[]>;
  unreadCount: Readable<number>;
  readonly inbox: Inbox | null;
  use(live: Live | null): Inbox | null;
  init(initial: Notification[], count: number): void;
  add(notification: Notification): void;
  markRead(id: string): unknown;
  markAllRead(): unknown;
}
export function createNotificationStore(): NotificationStore;
export const notificationStore: NotificationStore;
export const connectionStore: Readable<Connection>;
/** connect(), with both stores following it. */
export function connectBelfry(options: Options): Live;

/** The buttons of a notification. */
export type Action = 'read' | 'unread' | 'archive' | 'snooze' | 'delete';

export const NotificationBadge: Component<{ count?: number; most?: number; inBell?: boolean; texts?: Texts; children?: Snippet<[number]> }>;
export const NotificationBell: Component<{
  inbox: Inbox; label?: string; open?: boolean; most?: number; texts?: Texts; actions?: Action[];
  icon?: Snippet; badge?: Snippet<[number]>; panel?: Snippet<[Inbox]>; [rest: string]: any;
}, {}, 'open'>;
export const NotificationInbox: Component<{
  inbox: Inbox; texts?: Texts; locale?: string; title?: boolean; actions?: Action[]; onopen?: (one: Notification) => void;
  header?: Snippet<[InboxSnapshot]>; item?: Snippet<[Notification]>; empty?: Snippet; footer?: Snippet<[InboxSnapshot]>;
}>;
export const Toaster: Component<{
  inbox: Inbox; stored?: boolean; passing?: boolean; seconds?: number; most?: number; hotkey?: string; label?: string; texts?: Texts;
  toast?: Snippet<[Passing | Notification]>;
}>;
export const PresenceList: Component<{
  presence: Presence; most?: number; label?: string; texts?: Texts; person?: Snippet<[{ user: string; metas: Record<string, any>[] }]>;
}>;
