// node --test bench/presence/*.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Belief, judge } from './belief.mjs';

/** What a client believes after it was told these events, and of which of them it changed its mind. */
function told(...events) {
  const belief = new Belief();
  const changed = events.map(([event, ...args]) => belief.hears(event, Buffer.from(`42${JSON.stringify([event, ...args])}`)));
  return { belief, people: [...belief.people].sort().join(''), changed };
}

test('a list replaces the one before, with or without a position behind it', () => {
  const { people, changed } = told(['getOnlineUsers', ['a', 'b'], '1.0'], ['getOnlineUsers', ['b', 'c']], ['getOnlineUsers', ['b', 'c']]);
  assert.equal(people, 'bc');
  assert.deepEqual(changed, [true, true, false]);
});

test('changes add to a snapshot, and the next snapshot replaces it all', () => {
  const snapshot = ['presence:snapshot', { scope: 'everyone', state: 'known', online: ['a', 'b'], position: '1.0' }];
  const changes = ['presence', { online: ['c'], offline: [{ id: 'a', lastSeen: null }, { id: 'x', lastSeen: null }] }];
  assert.equal(told(snapshot, changes).people, 'bc');
  assert.deepEqual(told(snapshot, changes, changes).changed, [true, true, false]);
  assert.equal(told(snapshot, changes, ['presence:snapshot', { scope: 'conversations', state: 'known', online: ['d'] }]).people, 'd');
});

test('who believes that it does not know is wrong', () => {
  const { belief } = told(['presence:snapshot', { state: 'known', online: ['b'] }], ['presence:state', { state: 'unknown' }]);
  assert.equal(judge(new Set(['a', 'b']), 'everyone')('a', [], belief), 1);
  belief.hears('presence:state', Buffer.from('42["presence:state",{"state":"known"}]'));
  assert.equal(judge(new Set(['a', 'b']), 'everyone')('a', [], belief), 0);
});

test('beliefs are judged by the scope, and nobody by what they believe of themselves', () => {
  const online = new Set(['a', 'b', 'c']);
  const wrong = (scope, me, partners, ...people) => judge(online, scope)(me, partners, told(['getOnlineUsers', people]).belief);
  assert.equal(wrong('everyone', 'a', [], 'b', 'c'), 0);
  assert.equal(wrong('everyone', 'a', [], 'a', 'b', 'c'), 0);
  assert.equal(wrong('everyone', 'a', [], 'a', 'b'), 1, 'one is missing');
  assert.equal(wrong('everyone', 'a', [], 'b', 'x'), 2, 'one is missing, and one has gone');
  assert.equal(wrong('partners', 'a', ['b', 'x'], 'a', 'b'), 0);
  assert.equal(wrong('partners', 'a', ['b', 'x'], 'b', 'x'), 1, 'a partner has gone');
  assert.equal(wrong('partners', 'a', ['b'], 'b', 'c'), 1, 'a stranger is shown');
  assert.equal(wrong('partners', 'a', ['b'], 'c'), 2);
});
