// A WebSocket that dies while a client upgrades to it: at whatever point, the client is connected in the end.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { onEachDeployment } from './support/deployment.mjs';
import { STAGES, Cutter } from './support/cutter.mjs';
import { User } from './support/user.mjs';

const transport = (tab) => tab.socket.io.engine.transport.name;

// engine.io-client (6.6) itself is left without any transport when the WebSocket dies after the probe was answered and
// before the pending poll is: it looks connected until its ping timeout, which only a shorter one shortens. In the
// browser of somebody who must not wait, `transports: ['websocket', 'polling'], tryAllTransports: true` avoids the upgrade.
const heartbeat = { HUBBUB__REALTIME__PING_INTERVAL: '1s', HUBBUB__REALTIME__PING_TIMEOUT: '1s' };

/** Sends until the tab shows something that was sent after `since`; resolves with everything it showed. */
async function catchesUp(tab, sends) {
  const shown = [];
  for (let i = 0; ; i += 1) {
    const marker = await sends(`marker ${i}`);
    try {
      for (;;) {
        const [message] = await tab.next('newMessage', 500);
        shown.push(message);
        if (message._id === marker._id) return shown;
      }
    } catch (error) {
      if (i === 40) throw error;
    }
  }
}

onEachDeployment((hub) => {
  for (const stage of STAGES) {
    test(`a client whose WebSocket is cut ${stage.name} gets its messages, once and in order`, async () => {
      const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);
      const cutter = await Cutter.to(hub.node(1), stage, 1);
      const sent = [];
      const sends = async (text) => {
        sent.push(await alice.sends(hub.node(0), bob, text));
        return sent.at(-1);
      };

      const cut = cutter.nextCut();
      const tab = await bob.connects(cutter);
      for (let i = 0; i < 10; i += 1) await sends(`message ${i}`);
      await cut;
      const shown = await catchesUp(tab, sends);

      assert.deepEqual(shown.map(({ text }) => text), sent.map(({ text }) => text));
      cutter.close();
    });
  }

  for (const stage of STAGES.slice(0, 4)) {
    test(`behind a proxy that cuts every WebSocket ${stage.name}, a client stays connected by polling`, async () => {
      const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);
      const cutter = await Cutter.to(hub.node(1), stage, Infinity);

      const cut = cutter.nextCut();
      const tab = await bob.connects(cutter);
      await cut;
      for (let i = 0; i < 5; i += 1) await tab.shows(await alice.sends(hub.node(0), bob, `message ${i}`));
      const ack = await tab.asks('sendMessage', { receiverId: alice.id, text: 'and back' });

      assert.equal(ack.ok, true, JSON.stringify(ack));
      assert.equal(transport(tab), 'polling');
      assert.equal(tab.pending('disconnect'), 0);
      assert.equal(cutter.cuts, 1, 'it did not begin anew');
      cutter.close();
    });
  }
}, heartbeat);
