import { expect, test } from 'vitest';
import type { Chat, Message, PublicUser } from '../../hub';
import { initials, matches, sorted, unreadIn, withChange, withLoaded, type Change } from './chats';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 24, 10, minutes)).toISOString();
const person = (id: string): PublicUser => ({ _id: id, fullName: id, profilePic: '', createdAt: at(0), updatedAt: at(0) });
const message = (id: string, from: string, to: string, minutes: number): Message => ({
  _id: id,
  senderId: from,
  receiverId: to,
  text: id,
  createdAt: at(minutes),
  updatedAt: at(minutes),
});
const chat = (id: string, last: Message, unreadCount = 0): Chat => ({ ...person(id), lastMessage: last, unreadCount });
const told = (by: Message): Change => ({ userId: by.senderId === 'me' ? by.receiverId : by.senderId, message: by });
const marked = (userId: string, unreadCount: number): Change => ({ userId, unreadCount });
const chats = (...list: Chat[]) => new Map(list.map((each) => [each._id, each]));

test('a message moves its conversation to the top and counts as unread', () => {
  const before = chats(chat('ada', message('1', 'ada', 'me', 1)), chat('bob', message('2', 'bob', 'me', 2)));
  const after = withChange(before, told(message('3', 'ada', 'me', 3))) ?? before;
  expect(sorted(after).map((each) => [each._id, each.unreadCount])).toEqual([
    ['ada', 1],
    ['bob', 0],
  ]);
});

test('a message of mine is not unread', () => {
  const before = chats(chat('ada', message('1', 'ada', 'me', 1)));
  expect(withChange(before, told(message('2', 'me', 'ada', 2)))?.get('ada')?.unreadCount).toBe(0);
});

test('a message that the loaded list has counted is not counted again', () => {
  const loaded = chats(chat('ada', message('2', 'ada', 'me', 2), 2));
  expect(withChange(loaded, told(message('2', 'ada', 'me', 2)))).toBe(loaded);
  expect(withChange(loaded, told(message('1', 'ada', 'me', 1)))).toBe(loaded);
});

test('a first message needs to know the person', () => {
  expect(withChange(new Map(), told(message('1', 'ada', 'me', 1)))).toBeUndefined();
  expect(withChange(new Map(), told(message('1', 'ada', 'me', 1)), person('ada'))?.get('ada')?.unreadCount).toBe(1);
});

test('what came live while a list was loading is counted once, whatever was known before', () => {
  const from = (minutes: number) => message(String(minutes), 'ada', 'me', minutes);
  // 2 and 3 came while nobody was connected; the list was asked for before 4 came, and answered before 5 was there.
  const live = chats(chat('ada', from(5), 3));
  const since = [told(from(4)), told(from(5))];
  const merged = withLoaded(live, [chat('ada', from(4), 4), chat('bob', message('0', 'bob', 'me', 0))], since);
  expect(merged.get('ada')?.lastMessage._id).toBe('5');
  expect(merged.get('ada')?.unreadCount).toBe(5);
  expect(merged.size).toBe(2);
});

test('a read mark that came while a list was loading counts if the list does not know more than it', () => {
  const from = (minutes: number) => message(String(minutes), 'ada', 'me', minutes);
  const loaded = [chat('ada', from(2), 1)];
  const unread = (...since: Change[]) => withLoaded(chats(), loaded, since).get('ada')?.unreadCount;
  expect(unread(marked('ada', 0), told(from(2)))).toBe(1);
  expect(unread(told(from(2)), marked('ada', 0))).toBe(0);
  expect(unread(told(from(2)), marked('ada', 0), told(from(3)))).toBe(1);
  expect(unread(marked('bob', 0))).toBe(1);
});

test('a read mark sets what is unread, and the sum follows', () => {
  const before = chats(chat('ada', message('1', 'ada', 'me', 1), 3), chat('bob', message('2', 'bob', 'me', 2), 2));
  expect(unreadIn(before)).toBe(5);
  expect(unreadIn(withChange(before, marked('ada', 0)) ?? before)).toBe(2);
});

test('names are found by the beginnings of their words, without regard to accents and case', () => {
  expect(matches('Zoë Müller-Lüdenscheid', 'zoe')).toBe(true);
  expect(matches('Zoë Müller-Lüdenscheid', 'lud zo')).toBe(true);
  expect(matches('Zoë Müller-Lüdenscheid', 'eller')).toBe(false);
  expect(matches('Anybody', '  ')).toBe(true);
});

test('initials are of the first and the last word', () => {
  expect(initials('Ada Lovelace')).toBe('AL');
  expect(initials('Ada King Lovelace')).toBe('AL');
  expect(initials('ada')).toBe('A');
  expect(initials('  ')).toBe('?');
});
