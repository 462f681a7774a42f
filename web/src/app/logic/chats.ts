import type { Chat, Message, PublicUser, ReadMark } from '../../hub';

/** Conversations by the id of the other person. */
export type Chats = ReadonlyMap<string, Chat>;

const isNewer = (message: Message, than: Message) =>
  message.createdAt > than.createdAt || (message.createdAt === than.createdAt && message._id > than._id);

/** Lays loaded conversations over known ones: whatever came live while they were loading is newer and stays. */
export function withLoaded(chats: Chats, loaded: readonly Chat[]): Chats {
  const merged = new Map(chats);
  for (const chat of loaded) {
    const known = merged.get(chat._id);
    const stays = known !== undefined && isNewer(known.lastMessage, chat.lastMessage);
    merged.set(chat._id, stays ? { ...chat, lastMessage: known.lastMessage, unreadCount: known.unreadCount } : chat);
  }
  return merged;
}

/** Puts in a new message. Answers nothing if the conversation is new and `person` is not known. */
export function withMessage(chats: Chats, message: Message, me: string, person?: PublicUser): Chats | undefined {
  const mine = message.senderId === me;
  const userId = mine ? message.receiverId : message.senderId;
  const known = chats.get(userId);
  if (known === undefined) {
    return person && new Map(chats).set(userId, { ...person, lastMessage: message, unreadCount: mine ? 0 : 1 });
  }
  // A list that was loaded later has counted it already.
  if (!isNewer(message, known.lastMessage)) return chats;
  return new Map(chats).set(userId, { ...known, lastMessage: message, unreadCount: known.unreadCount + (mine ? 0 : 1) });
}

/** Puts in how far one has read. */
export function withRead(chats: Chats, mark: Pick<ReadMark, 'userId' | 'unreadCount'>): Chats {
  const known = chats.get(mark.userId);
  if (known === undefined || known.unreadCount === mark.unreadCount) return chats;
  return new Map(chats).set(mark.userId, { ...known, unreadCount: mark.unreadCount });
}

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
