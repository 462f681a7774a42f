import type { Message, Outgoing } from '../../hub';

/** Messages of one person within this time form a group. */
export const groupWithin = 5 * 60_000;

/** One bubble of a conversation, confirmed or on its way. */
export interface Bubble {
  /** Stays the same when a message on its way becomes a confirmed one. */
  key: string;
  /** The message's id, once it has one. */
  id: string | undefined;
  mine: boolean;
  at: string;
  text: string | undefined;
  image: string | undefined;
  state: 'sent' | Outgoing['state'];
  error: string | undefined;
  /** Set on the first bubble of a day. */
  day: string | undefined;
  startsGroup: boolean;
  endsGroup: boolean;
}

const keyOf = (message: Message) => message.clientId ?? message._id;

/** Puts in a message that came live: once, behind what is there. */
export function withLive(messages: readonly Message[], message: Message): readonly Message[] {
  const known = messages.findLastIndex((other) => other._id === message._id);
  if (known < 0) return [...messages, message];
  return messages.with(known, keepName(messages[known], message));
}

/** Puts an older page before what is there. */
export function withOlder(messages: readonly Message[], page: readonly Message[]): readonly Message[] {
  const known = new Set(messages.map((message) => message._id));
  const fresh = page.filter((message) => !known.has(message._id));
  return fresh.length === 0 ? messages : [...fresh, ...messages];
}

/** The result of laying the newest page over what is there. */
export interface Refreshed {
  messages: readonly Message[];
  /** The page did not reach what was there: that is dropped, and older pages follow the page instead. */
  gap: boolean;
}

/** Lays the newest page over what is there: older messages stay before it, and those that came live since stay behind it. */
export function withNewest(messages: readonly Message[], page: readonly Message[]): Refreshed {
  const inPage = new Map(page.map((message) => [message._id, message]));
  const first = messages.findIndex((message) => inPage.has(message._id));
  const oldestOfPage = page[0];
  const last = messages.at(-1);
  if (first < 0) {
    if (oldestOfPage === undefined || last === undefined) return { messages: [...page, ...messages], gap: messages.length === 0 };
    // Nothing in common: what is there came after the page, or so long before it that pages in between are missing.
    const after = messages.filter((message) => message.createdAt >= (page.at(-1)?.createdAt ?? ''));
    return { messages: [...page, ...after], gap: true };
  }
  const lastKnown = messages.findLastIndex((message) => inPage.has(message._id));
  const named = new Map(messages.map((message) => [message._id, message]));
  const renewed = page.map((message) => keepName(named.get(message._id), message));
  return { messages: [...messages.slice(0, first), ...renewed, ...messages.slice(lastKnown + 1)], gap: false };
}

/** Histories may leave out the clientId; without it a bubble would get another key and flicker. */
function keepName(known: Message | undefined, message: Message): Message {
  return message.clientId === undefined && known?.clientId !== undefined ? { ...message, clientId: known.clientId } : message;
}

/** All bubbles of a conversation: confirmed messages, then those on their way in the order of sending. `reachesBeginning`: none are older. */
export function timeline(
  messages: readonly Message[],
  outgoing: readonly Outgoing[],
  me: string,
  dayKey: (iso: string) => string,
  reachesBeginning = true,
): Bubble[] {
  const confirmed = new Set(messages.map(keyOf));
  const bubbles: Bubble[] = [];
  for (const message of messages) {
    bubbles.push(bubble(keyOf(message), message._id, message.senderId === me, message, 'sent', undefined));
  }
  for (const item of outgoing) {
    if (!confirmed.has(item.clientId)) bubbles.push(bubble(item.clientId, undefined, true, item, item.state, item.error));
  }
  let day: string | undefined;
  let previous: Bubble | undefined;
  for (const current of bubbles) {
    const its = dayKey(current.at);
    // A message that waited is shown where it will be in the end: the day never goes back.
    const begins = day === undefined || its > day;
    if (begins) day = its;
    // The first one's day may have begun before: a name that goes away when older messages come would let those below jump.
    if (begins && (previous !== undefined || reachesBeginning)) current.day = its;
    current.startsGroup = current.day !== undefined || previous === undefined || !belongTogether(previous, current);
    if (previous !== undefined) previous.endsGroup = current.startsGroup;
    previous = current;
  }
  return bubbles;
}

function bubble(
  key: string,
  id: string | undefined,
  mine: boolean,
  content: { text?: string; image?: string; createdAt: string },
  state: Bubble['state'],
  error: string | undefined,
): Bubble {
  const { text, image, createdAt: at } = content;
  return { key, id, mine, at, text, image, state, error, day: undefined, startsGroup: true, endsGroup: true };
}

function belongTogether(earlier: Bubble, later: Bubble): boolean {
  return earlier.mine === later.mine && Date.parse(later.at) - Date.parse(earlier.at) < groupWithin;
}

/** The newest message of the other person: up to where one can have read. */
export function newestFrom(messages: readonly Message[], userId: string): Message | undefined {
  return messages.findLast((message) => message.senderId === userId);
}
