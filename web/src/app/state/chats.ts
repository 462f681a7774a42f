import { create } from 'zustand';
import type { Chat, Message, ReadMark } from '../../hub';
import { withLoaded, withMessage, withRead, type Chats } from '../logic/chats';
import { api, wordsFor } from './api';
import { usePeople } from './people';
import { useSession } from './session';

const pageSize = 200;
/** Pages that are loaded at once; a list longer than that ends there. */
const maxPages = 10;

interface ChatsState {
  status: 'loading' | 'ready' | 'failed';
  error: string | undefined;
  chats: Chats;
  load: () => Promise<void>;
  /** Loads the most recent ones anew: all that can have changed within a moment. */
  renew: () => Promise<void>;
  received: (message: Message, me: string) => void;
  read: (mark: Pick<ReadMark, 'userId' | 'unreadCount'>) => void;
  clear: () => void;
}

const initial = { status: 'loading' as const, error: undefined, chats: new Map<string, Chat>() };
let loading: AbortController | undefined;

/** All conversations, with their last message and what is unread. */
export const useChats = create<ChatsState>()((set, get) => ({
  ...initial,
  load: async () => {
    loading?.abort();
    const { signal } = (loading = new AbortController());
    if (get().status === 'failed') set({ status: 'loading' });
    try {
      let cursor: string | undefined;
      for (let page = 0; page < maxPages; page++) {
        const { items, next } = await api.chats({ limit: pageSize, ...(cursor !== undefined && { cursor }) }, signal);
        usePeople.getState().met(items);
        set({ status: 'ready', error: undefined, chats: withLoaded(get().chats, items) });
        cursor = next;
        if (cursor === undefined) break;
      }
    } catch (error) {
      // What is shown already stays; the next connection loads it again.
      if (!signal.aborted && get().status === 'loading') set({ status: 'failed', error: wordsFor(error) });
    }
  },
  renew: async () => {
    const asked = useSession.getState().me;
    try {
      const { items } = await api.chats({ limit: pageSize });
      if (useSession.getState().me?._id !== asked?._id) return;
      usePeople.getState().met(items);
      set({ chats: withLoaded(get().chats, items) });
    } catch {
      // What is shown is right but for that moment, and the failure shows elsewhere.
      return;
    }
  },
  received: (message, me) => {
    const userId = message.senderId === me ? message.receiverId : message.senderId;
    const chats = withMessage(get().chats, message, me, usePeople.getState().people.get(userId));
    if (chats !== undefined) set({ chats });
    else void get().load();
  },
  read: (mark) => set({ chats: withRead(get().chats, mark) }),
  clear: () => {
    loading?.abort();
    set(initial);
  },
}));
