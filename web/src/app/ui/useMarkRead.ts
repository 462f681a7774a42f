import { useLayoutEffect, useRef, useState } from 'react';
import type { Message } from '../../hub';
import { newestFrom } from '../logic/timeline';
import { useChats } from '../state/chats';
import { useLive } from '../state/live';
import { useAttention } from './hooks';

/** Marks the conversation as read while its newest messages are looked at. Answers the id of the first one that was new on coming here. */
export function useMarkRead(userId: string, messages: readonly Message[], atBottom: boolean): string | undefined {
  const attention = useAttention();
  const unread = useChats((state) => state.chats.get(userId)?.unreadCount ?? 0);
  const read = useChats((state) => state.read);
  const hub = useLive((live) => live.hub);
  const marked = useRef<string>(undefined);
  const newest = newestFrom(messages, userId)?._id;
  const newestAtFirst = useRef(newest);
  const [newFrom, setNewFrom] = useState<string>();
  // Before the page is painted, so that no count flashes up.
  useLayoutEffect(() => {
    if (!attention || !atBottom || unread === 0 || newest === undefined || newest === marked.current) return;
    if (marked.current === undefined && newest === newestAtFirst.current) {
      setNewFrom(messages.filter((message) => message.senderId === userId).at(-unread)?._id);
    }
    marked.current = newest;
    hub?.markRead(userId, newest);
    read({ userId, unreadCount: 0 });
  }, [attention, atBottom, hub, messages, newest, read, unread, userId]);
  return newFrom;
}
