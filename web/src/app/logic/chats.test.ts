import { expect, test } from 'vitest';
import type { Chat, Message, PublicUser } from '../../hub';
import { initials, matches, sorted, unreadIn, withLoaded, withMessage, withRead } from './chats';

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
const chats = (...list: Chat[]) => new Map(list.map((each) => [each._id, each]));

test('a message moves its conversation to the top and counts as unread', () => {
  const before = chats(chat('ada', message('1', 'ada', 'me', 1)), chat('bob', message('2', 'bob', 'me', 2)));
  const after = withMessage(before, message('3', 'ada', 'me', 3), 'me') ?? before;
  expect(sorted(after).map((each) => [each._id, each.unreadCount])).toEqual([
    ['ada', 1],
    ['bob', 0],
  ]);
});

test('a message of mine is not unread', () => {
  const before = chats(chat('ada', message('1', 'ada', 'me', 1)));
  expect(withMessage(before, message('2', 'me', 'ada', 2), 'me')?.get('ada')?.unreadCount).toBe(0);
});

test('a message that the loaded list has counted is not counted again', () => {
  const loaded = chats(chat('ada', message('2', 'ada', 'me', 2), 2));
  expect(withMessage(loaded, message('2', 'ada', 'me', 2), 'me')).toBe(loaded);
  expect(withMessage(loaded, message('1', 'ada', 'me', 1), 'me')).toBe(loaded);
});

test('a first message needs to know the person', () => {
  expect(withMessage(new Map(), message('1', 'ada', 'me', 1), 'me')).toBeUndefined();
  expect(withMessage(new Map(), message('1', 'ada', 'me', 1), 'me', person('ada'))?.get('ada')?.unreadCount).toBe(1);
});

test('what came live while a list was loading stays', () => {
  const live = chats(chat('ada', message('2', 'ada', 'me', 2), 2));
  const merged = withLoaded(live, [chat('ada', message('1', 'ada', 'me', 1), 1), chat('bob', message('0', 'bob', 'me', 0))]);
  expect(merged.get('ada')?.lastMessage._id).toBe('2');
  expect(merged.get('ada')?.unreadCount).toBe(2);
  expect(merged.size).toBe(2);
});

test('a read mark sets what is unread, and the sum follows', () => {
  const before = chats(chat('ada', message('1', 'ada', 'me', 1), 3), chat('bob', message('2', 'bob', 'me', 2), 2));
  expect(unreadIn(before)).toBe(5);
  expect(unreadIn(withRead(before, { userId: 'ada', unreadCount: 0 }))).toBe(2);
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
