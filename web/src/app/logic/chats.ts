import type { Chat, Message, PublicUser } from '../../hub';

/** Conversations by the id of the other person. */
export type Chats = ReadonlyMap<string, Chat>;

const isNewer = (message: Message, than: Message) =>
  message.createdAt > than.createdAt || (message.createdAt === than.createdAt && message._id > than._id);

/** What was told of a conversation: another message, or how many are unread. */
export type Change = { userId: string; message: Message } | { userId: string; unreadCount: number };

/**
 * Lays loaded conversations over known ones. `since` is what was told from before they were asked for until they came: a conversation holds some
 * of its changes already, the first so many, for both tell one order.
 */
export function withLoaded(chats: Chats, loaded: readonly Chat[], since: readonly Change[]): Chats {
  const merged = new Map(chats);
  for (const chat of loaded) {
    const told = since.filter(({ userId }) => userId === chat._id);
    const held = told.findLastIndex((change) => 'message' in change && !isNewer(change.message, chat.lastMessage));
    // What follows the last message that it holds is another message, or a mark, which may be put in twice.
    merged.set(chat._id, told.slice(held + 1).reduce(changed, chat));
  }
  return merged;
}

/** Puts in what was told. Answers nothing if the conversation is new and `person` is not known. */
export function withChange(chats: Chats, change: Change, person?: PublicUser): Chats | undefined {
  const { userId } = change;
  const known = chats.get(userId);
  if (known !== undefined) {
    const next = changed(known, change);
    return next === known ? chats : new Map(chats).set(userId, next);
  }
  if (!('message' in change)) return chats;
  const { message } = change;
  return person && new Map(chats).set(userId, { ...person, lastMessage: message, unreadCount: unreadBy(message, userId) });
}

function changed(chat: Chat, change: Change): Chat {
  if (!('message' in change)) return chat.unreadCount === change.unreadCount ? chat : { ...chat, unreadCount: change.unreadCount };
  const { message } = change;
  // A list that was loaded later has counted it already.
  if (!isNewer(message, chat.lastMessage)) return chat;
  return { ...chat, lastMessage: message, unreadCount: chat.unreadCount + unreadBy(message, chat._id) };
}

const unreadBy = (message: Message, userId: string) => (message.senderId === userId ? 1 : 0);

/** Most recent first. */
export function sorted(chats: Chats): Chat[] {
  return [...chats.values()].sort((a, b) => (isNewer(a.lastMessage, b.lastMessage) ? -1 : 1));
}

/** How many messages are unread in all. */
export function unreadIn(chats: Chats): number {
  let sum = 0;
  for (const chat of chats.values()) sum += chat.unreadCount;
  return sum;
}

/** Whether a name has all words of a query, each at the beginning of one of its words; accents and case don't count. */
export function matches(name: string, query: string): boolean {
  const words = plain(name).split(/[\s-]+/);
  return plain(query)
    .split(/\s+/)
    .every((wanted) => words.some((word) => word.startsWith(wanted)));
}

function plain(text: string): string {
  return text.trim().normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? '')][0] ?? '?';
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : '';
  return (first + last).toUpperCase();
}

/** A number from 0 to `count` - 1 that is always the same for an id: its colour. */
export function hueOf(id: string, count: number): number {
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.charCodeAt(0)) >>> 0;
  return hash % count;
}
