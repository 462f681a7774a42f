import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Api, ApiError } from '.';
import { TestNode } from './testing/node';
import { Person } from './testing/people';

vi.setConfig({ testTimeout: 20_000 });

let node: TestNode;
let alice: Person;
let bob: Person;

beforeAll(async () => {
  node = await TestNode.start();
  [alice, bob] = await Promise.all([Person.signsUp(node.url, 'Alice'), Person.signsUp(node.url, 'Bob')]);
});

afterAll(() => node.stop());

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('lists come in pages, and each leads to the next', async () => {
  for (const text of ['1', '2', '3']) await alice.sends(bob, text);
  const newest = await bob.api.history(alice.id, { limit: 2 });
  expect(newest.items.map(({ text }) => text)).toEqual(['2', '3']);
  const { next } = newest;
  if (next === undefined) throw new Error('no older page');
  const older = await bob.api.history(alice.id, { limit: 2, before: next });
  expect(older.items.map(({ text }) => text)).toEqual(['1']);
  expect(older.next).toBeUndefined();

  await Person.signsUp(node.url, 'Carol');
  const people = await alice.api.contacts({ limit: 1 });
  const cursor = people.next;
  if (cursor === undefined) throw new Error('no next page');
  expect((await alice.api.contacts({ limit: 1, cursor })).items.map(({ fullName }) => fullName)).toEqual(['Carol']);
  expect((await alice.api.contacts({ q: 'aro' })).items.map(({ fullName }) => fullName)).toEqual(['Carol']);
});

test('looking at a history does not mark it as read; marking does', async () => {
  const message = await bob.sends(alice, 'unread');
  await alice.api.history(bob.id);
  expect((await alice.api.chats()).items[0]).toMatchObject({ _id: bob.id, unreadCount: 1 });

  expect(await alice.api.markRead(bob.id, message._id)).toEqual({ userId: bob.id, upTo: message._id, unreadCount: 0 });
});

test('an account is made, changed and left', async () => {
  const api = new Api({ url: node.url });
  const body = { fullName: 'Dora', email: 'dora@example.org', password: 'correct horse' };
  const { _id } = await api.signUp(body);
  expect((await api.logIn(body))._id).toBe(_id);
  expect(await bob.api.updateProfile({ fullName: 'Robert' })).toMatchObject({ fullName: 'Robert' });
  expect(await bob.api.me()).toMatchObject({ _id: bob.id, fullName: 'Robert' });
  expect(await bob.api.presence([alice.id])).toEqual([{ userId: alice.id, state: 'offline', lastSeen: null }]);
  expect(await bob.api.sync()).toMatchObject({ events: [] });
  const guest = await bob.logsIn(node.url);
  await guest.api.logOut();
  expect(await failure(guest.api.me())).toMatchObject({ status: 401, code: 'auth.invalid_token' });
});

test('errors have the hub’s words, a code and a status', async () => {
  const error = await failure(new Api({ url: node.url }).logIn({ email: 'nobody@example.org', password: 'wrong one' }));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ message: 'Invalid credentials', status: 400, code: 'auth.invalid_credentials' });
});

test('the cookie goes along, unless there is a token, which it would outdo', async () => {
  const asked = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json({}));
  await new Api().me();
  await new Api({ url: node.url }).me();
  await alice.api.me();
  expect(asked.mock.calls.map(([, init]) => init?.credentials)).toEqual(['same-origin', 'include', 'omit']);
  asked.mockRestore();
});

test('without a hub the error is of the network', async () => {
  const error = await failure(new Api({ url: 'http://127.0.0.1:1' }).me());
  expect(error).toMatchObject({ status: 0, code: 'network', message: 'The server cannot be reached. Check your connection.' });
});

test('what a proxy says instead of the hub is an error in words, too, and says when to come again', async () => {
  const answer = new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'retry-after': '7' } });
  vi.spyOn(globalThis, 'fetch').mockResolvedValueOnce(answer);
  const error = await failure(alice.api.me());
  expect(error).toMatchObject({ status: 502, code: 'http.502', retryAfter: 7 });
  expect((error as Error).message).toContain('502');
});

test('a call that is given up rejects with the reason', async () => {
  const reason = new Error('not needed any more');
  expect(await failure(alice.api.me(AbortSignal.abort(reason)))).toBe(reason);
});
