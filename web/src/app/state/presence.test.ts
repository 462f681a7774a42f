import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { usePresence, watch, watchWith } from './presence';

const store = () => usePresence.getState();
const hub = { watch: vi.fn(), unwatch: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers();
  hub.watch.mockReset();
  hub.unwatch.mockReset();
  watchWith(hub);
});

afterEach(() => {
  store().clear();
  vi.useRealTimers();
});

test('typing is over after six seconds without another sign', () => {
  store().typed('ada');
  vi.advanceTimersByTime(5000);
  store().typed('ada');
  vi.advanceTimersByTime(5000);
  expect(store().typing.has('ada')).toBe(true);
  vi.advanceTimersByTime(1001);
  expect(store().typing.has('ada')).toBe(false);
});

test('typing is over when the message is there', () => {
  store().typed('ada');
  store().stopped('ada');
  expect(store().typing.size).toBe(0);
});

test('all who come on the screen at once are watched in one go, each once', async () => {
  watch('ada');
  watch('bob');
  watch('ada');
  await Promise.resolve();
  expect(hub.watch.mock.calls).toEqual([[['ada', 'bob']]]);
});

test('somebody is watched until they have left every place on the screen, and a little longer', async () => {
  const leaveList = watch('ada');
  const leaveHead = watch('ada');
  await Promise.resolve();
  leaveList();
  vi.advanceTimersByTime(10_000);
  expect(hub.unwatch).not.toHaveBeenCalled();
  leaveHead();
  expect(hub.unwatch).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(hub.unwatch.mock.calls).toEqual([[['ada']]]);
});

test('whoever connects anew is told of everybody on the screen', async () => {
  watch('ada');
  await Promise.resolve();
  const next = { watch: vi.fn(), unwatch: vi.fn() };
  watchWith(next);
  expect(next.watch.mock.calls).toEqual([[['ada']]]);
});

test('only so many people are remembered, and those on the screen always', () => {
  watch('ada');
  const tell = (userId: string) => ({ userId, state: 'online' as const, lastSeen: null });
  store().changed([tell('ada')]);
  store().changed(Array.from({ length: 6000 }, (_, index) => tell(`user${index}`)));
  expect(store().presence.size).toBe(5000);
  expect(store().presence.has('ada')).toBe(true);
});
