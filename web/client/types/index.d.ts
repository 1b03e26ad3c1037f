// SPDX-License-Identifier: Apache-2.0

export type Type = 'activity' | 'alert' | 'system';

/** A notification as it is shown. A time that is not known yet is the text "pending". */
export interface Notification {
  id: string;
  pos: number;
  rev: number;
  type: Type;
  title: string;
  body: string | null;
  data: Record<string, unknown>;
  inserted_at: string;
  expires_at: string | null;
  read_at: string | null;
  seen?: boolean;
  archived?: boolean;
  snoozed_until?: string | null;
  category?: string | null;
}

/** What is shown and not kept. */
export interface Passing {
  type: 'toast' | 'transient';
  title: string;
  body: string | null;
  data: Record<string, unknown>;
}

export interface Connection {
  status: 'connecting' | 'connected' | 'disconnected' | 'offline';
  /** It was connected, and then not, at least once. */
  wasDisconnected: boolean;
  attempts: number;
  transport: 'websocket' | 'longpoll' | null;
  /** This tab has the connection that all tabs of this browser use. */
  leader: boolean;
}

/** A value to be watched: the contract of Svelte's stores. */
export interface Readable<T> {
  subscribe(fn: (value: T) => void): () => void;
}

export interface Options {
  /** Where the socket is; "/socket" when absent. */
  url?: string;
  /** A user's token, or what gets one: asked again before the old one ends, and when it is refused. */
  token?: string | (() => string | Promise<string>);
  /** The user; what the token says when absent. With it the page opens without a network, too. */
  user?: string;
  /** More parameters of the connect. */
  params?: Record<string, string>;
  /** false: this tab has a connection of its own. */
  tabs?: boolean;
  /** offlineQueue() of @belfry/client/offline. */
  offline?: OfflineQueue;
}

export interface OfflineQueue {
  put(user: string, op: object): Promise<void>;
  done(user: string, op_id: string): Promise<void>;
  load(user: string): Promise<object[]>;
  /** What waits, and what the inbox showed last: a page that opens without a network shows it. */
  open(user: string): Promise<{ ops: object[]; shown?: object }>;
  keep(user: string, state: object, ops: object[]): void;
  remember(session: { user: string | null; token: string; base: string }): Promise<void>;
  forget(user: string): Promise<void>;
}

/** An answer that is no ok. */
export interface Refusal extends Error {
  reason: string;
  /** The field at fault. */
  field?: string;
  /** The same may work later. */
  retry?: boolean;
}

export interface Live {
  readonly connection: Readable<Connection> & { get(): Connection };
  readonly user: string | null;
  /** As LiveView has it: an event of the inbox's topic. */
  pushEvent(event: string, payload?: object): Promise<any>;
  pushEvent(event: string, payload: object, reply: (answer: any) => void): void;
  /** Call `fn` with every such event of the inbox; gives what ends it. */
  handleEvent(event: string, fn: (payload: any) => void): () => void;
  removeHandleEvent(end: () => void): void;
  /** Push an event of any topic that is followed. */
  push(topic: string, event: string, payload?: object): Promise<any>;
  on(name: 'trouble', fn: (error: Error) => void): () => void;
  on(name: 'failed', fn: (error: Refusal, op: object) => void): () => void;
  on(name: 'new', fn: (notification: Notification) => void): () => void;
  on(name: 'toast' | 'transient', fn: (passing: Passing) => void): () => void;
  /** Take the connection down, for all tabs, until connect(): what is done meanwhile waits. */
  disconnect(): void;
  connect(): void;
  /** This tab has no more to do with it; what still waits for its answer is rejected ('interrupted': it may be done all the same). */
  close(): void;
}

export function connect(options?: Options): Live;

/** What can be watched by any framework; closed when it is not needed any more. */
export interface View<T> extends Readable<T> {
  getSnapshot(): T;
  open(): void;
  close(): void;
}

export interface InboxSnapshot {
  /** Newest first. */
  items: Notification[];
  unread: number;
  /** Unread and not yet shown: markSeen() says that they are. */
  unseen: number;
  /** As the server has them; those without notifications may be missing. */
  categories: Record<string, { unread: number; unseen: number }>;
  /** Operations under way; that something was seen is none that anybody waits for. */
  pending: number;
  ready: boolean;
  hasMore: boolean;
  loading: boolean;
  refused: string | null;
  serverTime: string | null;
}

export interface Marked {
  changed?: string[];
  unknown?: string[];
  up_to?: number;
  unread_count: number;
  seq: number;
}

type Ids = string | string[];

/** Every action shows at once; its promise is rejected, and it is shown undone, when the server refuses it. */
export interface Inbox extends View<InboxSnapshot> {
  markRead(ids: Ids): Promise<Marked>;
  markUnread(ids: Ids): Promise<Marked>;
  /** Up to the newest that is shown: what arrives meanwhile stays. null: there is nothing. */
  markAllRead(more?: { category?: string }): Promise<Marked | null>;
  markSeen(): Promise<Marked | null>;
  archive(ids: Ids): Promise<Marked>;
  unarchive(ids: Ids): Promise<Marked>;
  archiveAll(more?: { only_read?: boolean }): Promise<Marked | null>;
  /** It leaves the list, and comes back at `until` as the newest. */
  snooze(ids: Ids, until: Date | string): Promise<Marked>;
  unsnooze(ids: Ids): Promise<Marked>;
  remove(ids: Ids): Promise<Marked>;
  loadMore(): Promise<void>;
  onFailed(fn: (failed: { error: Refusal; op: object }) => void): () => void;
  onNew(fn: (notification: Notification) => void): () => void;
  onToast(fn: (passing: Passing) => void): () => void;
  onTransient(fn: (passing: Passing) => void): () => void;
}

export function createInbox(live: Live): Inbox;
