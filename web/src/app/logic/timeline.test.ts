import { expect, test } from 'vitest';
import type { Message, Outgoing } from '../../hub';
import { newestFrom, timeline, withLive, withNewest, withOlder } from './timeline';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 24, 10, minutes)).toISOString();
const message = (id: string, minutes = 0, from = 'ada', clientId?: string): Message => ({
  _id: id,
  senderId: from,
  receiverId: from === 'ada' ? 'me' : 'ada',
  text: id,
  createdAt: at(minutes),
  updatedAt: at(minutes),
  ...(clientId !== undefined && { clientId }),
});
const outgoing = (clientId: string, minutes = 0, state: Outgoing['state'] = 'sending'): Outgoing => ({
  clientId,
  receiverId: 'ada',
  text: clientId,
  createdAt: at(minutes),
  state,
});
const ids = (messages: readonly Message[]) => messages.map((each) => each._id);
const dayKey = (iso: string) => iso.slice(0, 10);
const show = (messages: readonly Message[], out: readonly Outgoing[] = []) => timeline(messages, out, 'me', dayKey);

test('a live message is put behind what is there, once', () => {
  const one = withLive([message('1')], message('2'));
  expect(ids(one)).toEqual(['1', '2']);
  expect(ids(withLive(one, message('2')))).toEqual(['1', '2']);
});

test('an older page comes first, and what overlaps is there once', () => {
  expect(ids(withOlder([message('3'), message('4')], [message('1'), message('2'), message('3')]))).toEqual(['1', '2', '3', '4']);
});

test('the first page goes before messages that came live while it was loading', () => {
  const { messages } = withNewest([message('3', 3)], [message('1', 1), message('2', 2)]);
  expect(ids(messages)).toEqual(['1', '2', '3']);
});

test('a live message that is in the page already is there once', () => {
  expect(ids(withNewest([message('2')], [message('1'), message('2')]).messages)).toEqual(['1', '2']);
});

test('a newest page laid over keeps older pages before it and newer messages behind it', () => {
  const have = ['1', '2', '3', '5'].map((id) => message(id, Number(id)));
  const page = ['2', '3', '4'].map((id) => message(id, Number(id)));
  const { messages, gap } = withNewest(have, page);
  expect(ids(messages)).toEqual(['1', '2', '3', '4', '5']);
  expect(gap).toBe(false);
});

test('a newest page that does not reach what was there replaces it, so that no gap is shown as if it were none', () => {
  const { messages, gap } = withNewest([message('1', 1)], [message('8', 8), message('9', 9)]);
  expect(ids(messages)).toEqual(['8', '9']);
  expect(gap).toBe(true);
});

test('a page without the clientId does not take away the name of a bubble', () => {
  const { messages } = withNewest([message('1', 1, 'me', 'c1')], [message('1', 1, 'me')]);
  expect(show(messages).map((bubble) => bubble.key)).toEqual(['c1']);
  expect(show(withLive(messages, message('1', 1, 'me'))).map((bubble) => bubble.key)).toEqual(['c1']);
});

test('messages on their way stand behind all confirmed ones, in the order of sending', () => {
  const keys = show([message('1', 1), message('2', 9)], [outgoing('c1', 5), outgoing('c2', 6)]).map((bubble) => bubble.key);
  expect(keys).toEqual(['1', '2', 'c1', 'c2']);
});

test('a message that was confirmed keeps its key and is shown once', () => {
  const before = show([], [outgoing('c1')]);
  const after = show([message('1', 0, 'me', 'c1')], [outgoing('c1')]);
  expect(after.map((bubble) => bubble.key)).toEqual(before.map((bubble) => bubble.key));
  expect(after.map((bubble) => bubble.state)).toEqual(['sent']);
});

test('messages of one person within five minutes form a group', () => {
  const bubbles = show([message('1', 0), message('2', 4), message('3', 9), message('4', 10, 'me')]);
  expect(bubbles.map((bubble) => bubble.startsGroup)).toEqual([true, false, true, true]);
  expect(bubbles.map((bubble) => bubble.endsGroup)).toEqual([false, true, true, true]);
});

test('each day begins once, and begins a group', () => {
  const late = { ...message('1'), createdAt: '2026-11-23T23:59:00.000Z' };
  const early = { ...message('2'), createdAt: '2026-11-24T00:01:00.000Z' };
  const bubbles = show([late, early, message('3', 0)]);
  expect(bubbles.map((bubble) => bubble.day)).toEqual(['2026-11-23', '2026-11-24', undefined]);
  expect(bubbles[1]?.startsGroup).toBe(true);
});

test('the day of the first message is not named while older ones are missing: it may have begun before', () => {
  const yesterday = { ...message('0'), createdAt: '2026-11-23T10:00:00.000Z' };
  const bubbles = timeline([yesterday, message('1')], [], 'me', dayKey, false);
  expect(bubbles.map((bubble) => bubble.day)).toEqual([undefined, '2026-11-24']);
});

test('a message that waited since yesterday does not begin yesterday again', () => {
  const waited: Outgoing = { ...outgoing('c1', 0, 'waiting'), createdAt: '2026-11-23T12:00:00.000Z' };
  expect(show([message('1')], [waited]).map((bubble) => bubble.day)).toEqual(['2026-11-24', undefined]);
});

test('one has read up to the newest message of the other person', () => {
  expect(newestFrom([message('1'), message('2'), message('3', 0, 'me')], 'ada')?._id).toBe('2');
  expect(newestFrom([message('3', 0, 'me')], 'ada')).toBeUndefined();
});
