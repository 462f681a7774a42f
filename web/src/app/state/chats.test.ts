import { beforeEach, expect, test, vi } from 'vitest';
import type { Chat, Message } from '../../hub';
import { unreadIn } from '../logic/chats';
import { api } from './api';
import { useChats } from './chats';
import { usePeople } from './people';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 24, 10, minutes)).toISOString();
const message = (from: string, minutes: number): Message => ({
  _id: `${from}${minutes}`,
  senderId: from,
  receiverId: 'me',
  text: 'hi',
  createdAt: at(minutes),
  updatedAt: at(minutes),
});
const chat = (id: string, minutes: number, unreadCount: number): Chat => ({
  _id: id,
  fullName: id,
  profilePic: '',
  createdAt: at(0),
  updatedAt: at(0),
  lastMessage: message(id, minutes),
  unreadCount,
});
const store = () => useChats.getState();
const chats = vi.spyOn(api, 'chats');

beforeEach(() => {
  chats.mockReset();
  store().clear();
  usePeople.getState().clear();
});

test('all pages of the list are loaded, and their people are known', async () => {
  chats.mockResolvedValueOnce({ items: [chat('ada', 2, 1)], next: 'more' });
  chats.mockResolvedValueOnce({ items: [chat('bob', 1, 2)] });
  await store().load();
  expect([...store().chats.keys()]).toEqual(['ada', 'bob']);
  expect(unreadIn(store().chats)).toBe(3);
  expect(usePeople.getState().people.has('bob')).toBe(true);
});

test('a first message of somebody unknown loads the list anew', async () => {
  chats.mockResolvedValueOnce({ items: [] });
  await store().load();
  chats.mockResolvedValueOnce({ items: [chat('ada', 3, 1)] });
  store().received(message('ada', 3), 'me');
  await vi.waitFor(() => expect(store().chats.get('ada')?.unreadCount).toBe(1));
});

test('what was missed before the first connection is counted although more comes while the list is renewed', async () => {
  chats.mockResolvedValueOnce({ items: [chat('ada', 1, 1)] });
  await store().load();
  chats.mockImplementationOnce(() => {
    store().received(message('ada', 4), 'me');
    store().received(message('ada', 5), 'me');
    return Promise.resolve({ items: [chat('ada', 4, 4)] });
  });
  await store().renew();
  expect(store().chats.get('ada')?.unreadCount).toBe(5);
});

test('an answer that comes after that to a later question does not count', async () => {
  let late = (_: { items: Chat[] }) => {};
  chats.mockReturnValueOnce(new Promise((answer) => (late = answer)));
  const first = store().load();
  chats.mockResolvedValueOnce({ items: [chat('ada', 2, 0)], next: 'more' });
  chats.mockResolvedValueOnce({ items: [chat('bob', 1, 2)] });
  expect(await store().renew()).toBe(true);
  late({ items: [chat('ada', 2, 7)] });
  expect(await first).toBe(false);
  expect(unreadIn(store().chats)).toBe(2);
});

test('somebody unknown who writes fast does not keep the list from coming', async () => {
  let answer = (_: { items: Chat[] }) => {};
  chats.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
  void store().load();
  for (const minutes of [3, 4, 5]) store().received(message('ada', minutes), 'me');
  expect(chats).toHaveBeenCalledTimes(1);
  chats.mockResolvedValueOnce({ items: [chat('ada', 5, 3)] });
  answer({ items: [] });
  await vi.waitFor(() => expect(store().chats.get('ada')?.unreadCount).toBe(3));
  expect(chats).toHaveBeenCalledTimes(2);
});

test('a list that fails to load says so, and a later try shows it', async () => {
  chats.mockRejectedValueOnce(new Error('away'));
  await store().load();
  expect(store().status).toBe('failed');
  chats.mockResolvedValueOnce({ items: [chat('ada', 1, 0)] });
  await store().load();
  expect(store().status).toBe('ready');
});
