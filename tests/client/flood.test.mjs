// With the limit of events on: a socket that floods is held back, and the others notice nothing.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { onEachDeployment } from './support/deployment.mjs';
import { User } from './support/user.mjs';

const EVENTS = 10_000;
const BURST = 50;
const limits = { HUBBUB__LIMITS__EVENT__BURST: String(BURST), HUBBUB__LIMITS__EVENT__EVERY: '20ms' };

onEachDeployment((hub) => {
  test('a flood of 10,000 events is answered with errors or ends the socket, while others get their messages promptly', async () => {
    const [mallory, alice, bob] = await Promise.all(['mallory', 'alice', 'bob'].map((name) => User.signsUp(hub.node(0), name)));
    const [flooding, bobTab] = await Promise.all([
      mallory.connects(hub.node(0), { transports: ['websocket'], reconnection: false }),
      bob.connects(hub.node(0)),
    ]);

    const start = performance.now();
    const floods = () => flooding
      .asks('sendMessage', { receiverId: alice.id, text: 'flood', clientId: randomUUID() })
      .catch(() => ({ ok: false, error: { code: flooding.socket.connected ? 'unanswered' : 'disconnected' } }));
    const acks = Array.from({ length: EVENTS }, floods);
    let slowest = 0;
    for (let i = 0; i < 20; i += 1) {
      const sending = performance.now();
      const message = await alice.sends(hub.node(0), bob, `message ${i}`);
      await bobTab.showsOnly(message);
      slowest = Math.max(slowest, performance.now() - sending);
    }
    const outcomes = await Promise.all(acks);
    const seconds = (performance.now() - start) / 1_000;
    flooding.close();

    const accepted = outcomes.filter(({ ok }) => ok).length;
    const codes = new Set(outcomes.filter(({ ok }) => !ok).map(({ error }) => error.code));
    assert.ok(slowest < 2_000, `a message to somebody else took ${slowest} ms`);
    assert.ok(accepted <= BURST + 50 * seconds + 1, `${accepted} of ${EVENTS} got through in ${seconds} s`);
    assert.ok(!codes.has('unanswered') && (codes.has('rate_limited') || codes.has('disconnected')), [...codes].join());
  });
}, limits);
