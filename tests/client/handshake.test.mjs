// Who is let in, and what the others are told: known frontends compare these texts.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ALLOWED_ORIGIN, onEachDeployment } from './support/deployment.mjs';
import { User } from './support/user.mjs';
import { Tab } from './support/tab.mjs';

const WAYS = [
  { name: 'polling', transports: ['polling'] },
  { name: 'WebSocket', transports: ['websocket'] },
];

onEachDeployment((hub) => {
  for (const { name, transports } of WAYS) {
    test(`${name} without a token is refused for good`, async () => {
      const tab = new Tab(hub.node(0).url, { transports });

      assert.equal(await tab.refused(), 'Unauthorized - No Token Provided');
      assert.equal(tab.socket.active, false, 'the client will not try again');
    });

    test(`${name} with a token that is none is refused for good`, async () => {
      const cookie = new Tab(hub.node(0).url, { transports, extraHeaders: { cookie: 'jwt=not.a.token' } });
      const auth = new Tab(hub.node(0).url, { transports, auth: { token: 'not.a.token' } });

      for (const tab of [cookie, auth]) {
        assert.equal(await tab.refused(), 'Unauthorized - Authentication failed');
        assert.equal(tab.socket.active, false, 'the client will not try again');
      }
    });

    test(`${name} with a token whose signature was changed is refused`, async () => {
      const alice = await User.signsUp(hub.node(0), 'alice');
      const [head, claims, signature] = alice.token.split('.');
      const token = [head, claims, signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`].join('.');

      const tab = new Tab(hub.node(1).url, { transports, auth: { token } });

      assert.equal(await tab.refused(), 'Unauthorized - Authentication failed');
    });

    test(`${name} from a foreign origin is refused although the cookie is good`, async () => {
      const alice = await User.signsUp(hub.node(0), 'alice');
      const options = { transports, reconnection: false };

      const foreign = ['https://evil.example', `${ALLOWED_ORIGIN}.evil.example`, 'null'].map((origin) =>
        alice.opens(hub.node(0), { ...options, extraHeaders: { origin } }));

      for (const tab of foreign) await tab.refused();
    });

    test(`${name} from an allowed origin, from the hub's own and without one is accepted`, async () => {
      const alice = await User.signsUp(hub.node(0), 'alice');

      for (const origin of [ALLOWED_ORIGIN, hub.node(0).url, undefined]) {
        await alice.connects(hub.node(0), { transports, extraHeaders: origin ? { origin } : {} });
      }
    });
  }
});
