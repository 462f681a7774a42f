import { afterEach, expect, test, vi } from 'vitest';
import { backoff } from './backoff';
import { Emitter } from './emitter';
import { comparePositions, isPosition, PositionKeeper } from './position';
import { RecentIds } from './seen';
import { Shelf } from './shelf';
import { UserStorage } from './storage';
import { Tabs } from './tabs';
import { TestStorage } from './testing/people';
import { TypingSigns } from './typing';
import { uuid } from './uuid';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('positions are compared by epoch and number, not as texts', () => {
  expect(['1.10', '2.1', '1.9'].sort(comparePositions)).toEqual(['1.9', '1.10', '2.1']);
  expect(comparePositions('1.5', '1.5')).toBe(0);
});

test('only what looks like a position is one', () => {
  expect(['1.42', '10.0'].every(isPosition)).toBe(true);
  expect(['', '1', '1.', '.1', '-1.2', '1.2.3', 'a.b', 1.5, undefined, `1.${'9'.repeat(50)}`].some(isPosition)).toBe(false);
});

test('a tab’s position moves forwards only, and so does what is kept of all tabs', () => {
  const storage = new TestStorage();
  const kept = (): string | null => storage.getItem('hubbub:me:position');
  const [one, other] = [new PositionKeeper(new UserStorage(storage, 'me')), new PositionKeeper(new UserStorage(storage, 'me'))];
  one.reach('1.7');
  other.reach('1.3');
  one.reach('1.2');
  expect([one.current, other.current, kept()]).toEqual(['1.7', '1.3', '1.7']);

  one.forget();
  one.reach('1.1');
  expect([one.current, kept()]).toEqual(['1.1', '1.1']);
});

test('a kept position that is broken is none', () => {
  const storage = new TestStorage([['hubbub:me:position', 'nonsense']]);
  expect(new PositionKeeper(new UserStorage(storage, 'me')).current).toBeUndefined();
});

test('of the ids that were seen the latest are remembered', () => {
  const seen = new RecentIds(2);
  expect(['a', 'b', 'a', 'c'].map((id) => seen.add(id))).toEqual([true, true, false, true]);
  expect([seen.has('a'), seen.has('b'), seen.has('c'), seen.size]).toEqual([false, true, true, 2]);
});

test('waits grow, differ, and are bounded', () => {
  const waits = Array.from({ length: 100 }, () => backoff(3, 500, 5_000));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(2_000);
  expect(new Set(waits).size).toBeGreaterThan(50);
  expect(backoff(1_000, 500, 5_000)).toBeLessThanOrEqual(5_000);
});

test('a storage that the browser forbids, or that is broken, is like none', () => {
  const fails = (): never => {
    throw new Error('SecurityError');
  };
  const forbidden = new UserStorage({ getItem: fails, setItem: fails, removeItem: fails }, 'me');
  forbidden.remove('a');
  expect([forbidden.get('a'), forbidden.set('a', 'b')]).toEqual([undefined, false]);
  expect(new UserStorage(new TestStorage([['hubbub:me:a', '{"broken']]), 'me').getJson('a')).toBeUndefined();
});

test('a listener that throws keeps nobody from hearing, and its error is not swallowed', () => {
  const later: (() => void)[] = [];
  vi.stubGlobal('queueMicrotask', (callback: () => void) => later.push(callback));
  const emitter = new Emitter<{ word: (text: string) => void }>();
  const heard: string[] = [];
  emitter.on('word', () => {
    throw new Error('mine');
  });
  const stop = emitter.on('word', (text) => heard.push(text));
  emitter.emit('word', 'one');
  stop();
  emitter.emit('word', 'two');
  expect(heard).toEqual(['one']);
  expect(later[0]).toThrow('mine');
});

test('ids are UUIDs, also where the browser has no randomUUID', () => {
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
  expect(uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuid()).not.toBe(uuid());
});

test('typing is said again after three seconds', () => {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  const said: string[] = [];
  const signs = new TypingSigns((id) => said.push(id));
  for (const [id, at] of [['a', 0], ['a', 2_999], ['b', 2_999], ['a', 3_000], ['a', 3_001]] as const) {
    clock.mockReturnValue(at);
    signs.say(id);
  }
  expect(said).toEqual(['a', 'b', 'a']);
});

test('where there are locks, a tab is dead as soon as its lock is free, and not because its timers sleep', async () => {
  const held = new Set<string>();
  const locks = {
    request: async (name: string, hold: () => Promise<void>) => {
      held.add(name);
      await hold();
      held.delete(name);
    },
    query: async () => ({ held: [...held].map((name) => ({ name })) }),
  };
  vi.stubGlobal('navigator', { locks });
  const storage = new UserStorage(new TestStorage(), 'me');
  const [one, other] = [new Tabs(storage, 'me'), new Tabs(storage, 'me')];
  one.enter(() => undefined);
  other.enter(() => undefined);
  const now = Date.now();
  vi.spyOn(Date, 'now').mockReturnValue(now + 600_000);
  expect(await other.dead()).toEqual([]);

  // A crash: the browser frees the lock, and nothing is said.
  held.delete(`hubbub:me:tab:${one.id}`);

  expect(await other.dead()).toEqual([one.id]);
  one.leave();
  other.leave();
});

test('what others left is taken over up to a bound, the rest later, and broken parts are left out', async () => {
  const inner = new TestStorage();
  const storage = new UserStorage(inner, 'me');
  const [gone, heir] = [new Tabs(storage, 'me'), new Tabs(storage, 'me')];
  gone.enter(() => undefined);
  heir.enter(() => undefined);
  const outgoing = (clientId: string) => ({ clientId, receiverId: 'r', text: 'x', createdAt: 'now', state: 'sending' }) as const;
  new Shelf(storage, gone).keep(['a', 'b', 'c'].map(outgoing));
  inner.setItem('hubbub:me:message:b', '{"clientId": 7}');
  gone.leave();
  const shelf = new Shelf(storage, heir);

  expect((await shelf.takeOver(1)).map(({ clientId }) => clientId)).toEqual(['a']);
  expect((await shelf.takeOver(9)).map(({ clientId, state }) => [clientId, state])).toEqual([['c', 'waiting']]);
  expect(await shelf.takeOver(9)).toEqual([]);
  heir.leave();
});
