import { create } from 'zustand';
import type { Chat, Message, ReadMark } from '../../hub';
import { withChange, withLoaded, type Change, type Chats } from '../logic/chats';
import { api, wordsFor } from './api';
import { usePeople } from './people';

const pageSize = 200;
/** Pages that are loaded at once; a list longer than that ends there. */
const maxPages = 10;

interface ChatsState {
  status: 'loading' | 'ready' | 'failed';
  error: string | undefined;
  chats: Chats;
  /** Loads them all. Answers whether that worked; if not, what is shown already stays. */
  load: () => Promise<boolean>;
  /** Loads the most recent ones anew: all that can have changed within a moment. */
  renew: () => Promise<boolean>;
  received: (message: Message, me: string) => void;
  read: (mark: Pick<ReadMark, 'userId' | 'unreadCount'>) => void;
  clear: () => void;
}

const initial = { status: 'loading' as const, error: undefined, chats: new Map<string, Chat>() };
/**
 * The one request that is under way, what was told since it was asked, and whether it has to be asked again. One, since of two answers the one
 * that comes last could be the older one.
 */
let loading: { abort: AbortController; pages: number; since: Change[]; again: boolean } | undefined;

/** All conversations, with their last message and what is unread. */
export const useChats = create<ChatsState>()((set, get) => {
  const loadPages = async (pages: number): Promise<boolean> => {
    loading?.abort.abort();
    const own = (loading = { abort: new AbortController(), pages, since: [], again: false });
    if (get().status === 'failed') set({ status: 'loading' });
    try {
      let cursor: string | undefined;
      for (let page = 0; page < pages; page++) {
        const { items, next } = await api.chats({ limit: pageSize, ...(cursor !== undefined && { cursor }) }, own.abort.signal);
        if (loading !== own) return false;
        usePeople.getState().met(items);
        set({ status: 'ready', error: undefined, chats: withLoaded(get().chats, items, own.since) });
        own.since = [];
        cursor = next;
        if (cursor === undefined) break;
      }
      return own.again ? loadPages(maxPages) : true;
    } catch (error) {
      if (loading === own && get().status === 'loading') set({ status: 'failed', error: wordsFor(error) });
      return false;
    } finally {
      if (loading === own) loading = undefined;
    }
  };
  const tell = (change: Change) => {
    loading?.since.push(change);
    const chats = withChange(get().chats, change, usePeople.getState().people.get(change.userId));
    if (chats !== undefined) set({ chats });
    // Not anew at once: whoever writes fast would keep the list from ever coming.
    else if (loading !== undefined) loading.again = true;
    else void get().load();
  };
  return {
    ...initial,
    load: () => loadPages(maxPages),
    renew: () => loadPages(loading?.pages ?? 1),
    received: (message, me) => tell({ userId: message.senderId === me ? message.receiverId : message.senderId, message }),
    read: ({ userId, unreadCount }) => tell({ userId, unreadCount }),
    clear: () => {
      loading?.abort.abort();
      loading = undefined;
      set(initial);
    },
  };
});
