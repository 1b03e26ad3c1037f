// SPDX-License-Identifier: Apache-2.0
export { connect, createInbox } from '@belfry/client';
export { createPresence, createTopic } from '@belfry/client/topics';

export { badgeText, followBadge } from './badge.js';
export { default as NotificationBadge } from './NotificationBadge.svelte';
export { default as NotificationBell } from './NotificationBell.svelte';
export { default as NotificationInbox } from './NotificationInbox.svelte';
export { default as PresenceList } from './PresenceList.svelte';
export { connectBelfry, connectionStore, createNotificationStore, notificationStore } from './stores.js';
export { ago, english } from './texts.js';
export { default as Toaster } from './Toaster.svelte';
