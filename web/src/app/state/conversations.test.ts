import { beforeEach, expect, test, vi } from 'vitest';
import type { Message } from '../../hub';
import { api } from './api';
import { useConversations } from './conversations';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 24, 10, minutes)).toISOString();
const message = (number: number): Message => ({
  _id: `m${number}`,
  senderId: 'ada',
  receiverId: 'me',
  text: String(number),
  createdAt: at(number),
  updatedAt: at(number),
});
const store = () => useConversations.getState();
const shown = () =>
  store()
    .conversations.get('ada')
    ?.messages.map((each) => each.text);
const history = vi.spyOn(api, 'history');

beforeEach(() => {
  history.mockReset();
  store().clear();
});

test('a message that comes while the first page is loading is shown behind it', async () => {
  history.mockImplementation(async () => {
    store().received(message(3), 'me');
    return { items: [message(1), message(2)] };
  });
  await store().open('ada');
  expect(shown()).toEqual(['1', '2', '3']);
});

test('older pages come before, until there are none', async () => {
  history.mockResolvedValueOnce({ items: [message(3), message(4)], next: 'm3' });
  history.mockResolvedValueOnce({ items: [message(1), message(2)] });
  await store().open('ada');
  await store().older('ada');
  await store().older('ada');
  expect(shown()).toEqual(['1', '2', '3', '4']);
  expect(history).toHaveBeenCalledTimes(2);
});

test('a failed page can be asked for again', async () => {
  history.mockRejectedValueOnce(new Error('away'));
  history.mockResolvedValueOnce({ items: [message(1)] });
  await store().open('ada');
  expect(store().conversations.get('ada')?.status).toBe('failed');
  await store().open('ada');
  expect(store().conversations.get('ada')?.status).toBe('ready');
  expect(shown()).toEqual(['1']);
});

test('a history that is shown stays when it cannot be renewed', async () => {
  history.mockResolvedValueOnce({ items: [message(1)] });
  history.mockRejectedValueOnce(new Error('away'));
  await store().open('ada');
  await store().open('ada');
  expect(store().conversations.get('ada')?.status).toBe('ready');
  expect(shown()).toEqual(['1']);
});

test('an answer from before a reset does not count', async () => {
  let answer: (page: { items: Message[] }) => void = () => undefined;
  history.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
  history.mockResolvedValueOnce({ items: [message(7)] });
  const before = store().open('ada');
  store().reset('ada');
  answer({ items: [message(1)] });
  await before;
  await vi.waitFor(() => expect(shown()).toEqual(['7']));
});

test('only so many histories are kept, the latest ones', async () => {
  history.mockResolvedValue({ items: [] });
  for (let i = 0; i < 25; i++) await store().open(`user${i}`);
  expect(store().conversations.size).toBe(20);
  expect(store().conversations.has('user24')).toBe(true);
  expect(store().conversations.has('user0')).toBe(false);
});
