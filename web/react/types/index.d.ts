// SPDX-License-Identifier: Apache-2.0
import type { Connection, Inbox, InboxSnapshot, Live } from '@belfry/client';
import type { Presence, PresenceSnapshot, Topic, TopicSnapshot } from '@belfry/client/topics';

export { connect } from '@belfry/client';
export function useInbox(live: Live): Inbox & InboxSnapshot;
export function useTopic(live: Live, topic: string): Topic & TopicSnapshot;
export function usePresence(live: Live, topic: string, meta?: object): Presence & PresenceSnapshot;
export function useConnection(live: Live): Connection;
