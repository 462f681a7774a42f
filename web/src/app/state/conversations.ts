import { create } from 'zustand';
import type { Message } from '../../hub';
import { withLive, withNewest, withOlder } from '../logic/timeline';
import { api, wordsFor } from './api';

const pageSize = 50;
/** Histories kept in memory; the one opened longest ago is dropped first. */
const maxKept = 20;

/** The history of one conversation, as far as it is loaded. */
export interface Conversation {
  status: 'loading' | 'ready' | 'failed';
  error: string | undefined;
  messages: readonly Message[];
  /** The cursor of the page before these; none: they go back to the beginning. */
  older: string | undefined;
  olderStatus: 'idle' | 'loading' | 'failed';
}

interface ConversationsState {
  conversations: ReadonlyMap<string, Conversation>;
  /** Loads the newest page, or renews what is there. Answers whether that worked; if not, what is shown already stays. */
  open: (userId: string) => Promise<boolean>;
  older: (userId: string) => Promise<void>;
  received: (message: Message, me: string) => void;
  /** Loads anew whatever is still looked at, and forgets the rest. */
  reset: (current: string | undefined) => void;
  clear: () => void;
}

const fresh: Conversation = { status: 'loading', error: undefined, messages: [], older: undefined, olderStatus: 'idle' };
/** Answers to requests from before a reset or a log-out don't count. */
let generation = 0;

/** Histories by the id of the other person. */
export const useConversations = create<ConversationsState>()((set, get) => {
  const put = (userId: string, change: Partial<Conversation>) => {
    const known = get().conversations.get(userId);
    if (known !== undefined) set({ conversations: new Map(get().conversations).set(userId, { ...known, ...change }) });
  };
  return {
    conversations: new Map(),
    open: async (userId) => {
      const began = generation;
      const conversations = new Map(get().conversations);
      const known = conversations.get(userId);
      conversations.delete(userId);
      conversations.set(userId, known === undefined || known.status === 'failed' ? fresh : known);
      for (const id of conversations.keys()) {
        if (conversations.size <= maxKept) break;
        conversations.delete(id);
      }
      set({ conversations });
      try {
        const page = await api.history(userId, { limit: pageSize });
        const current = get().conversations.get(userId);
        if (began !== generation || current === undefined) return false;
        const { messages, gap } = withNewest(current.messages, page.items);
        const olderPages = gap || current.status !== 'ready' ? { older: page.next, olderStatus: 'idle' as const } : {};
        put(userId, { status: 'ready', error: undefined, messages, ...olderPages });
        return true;
      } catch (error) {
        if (began === generation && get().conversations.get(userId)?.status !== 'ready')
          put(userId, { status: 'failed', error: wordsFor(error) });
        return false;
      }
    },
    older: async (userId) => {
      const began = generation;
      const before = get().conversations.get(userId);
      if (before?.older === undefined || before.olderStatus === 'loading') return;
      put(userId, { olderStatus: 'loading' });
      try {
        const page = await api.history(userId, { limit: pageSize, before: before.older });
        const current = get().conversations.get(userId);
        if (began !== generation || current === undefined || current.older !== before.older) return;
        put(userId, { messages: withOlder(current.messages, page.items), older: page.next, olderStatus: 'idle' });
      } catch {
        if (began === generation) put(userId, { olderStatus: 'failed' });
      }
    },
    received: (message, me) => {
      const userId = message.senderId === me ? message.receiverId : message.senderId;
      const known = get().conversations.get(userId);
      if (known !== undefined) put(userId, { messages: withLive(known.messages, message) });
    },
    reset: (current) => {
      generation += 1;
      set({ conversations: new Map() });
      if (current !== undefined) void get().open(current);
    },
    clear: () => {
      generation += 1;
      set({ conversations: new Map() });
    },
  };
});
