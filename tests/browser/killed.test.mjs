// A node is killed while two people talk.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { Account } from './support/account.mjs';
import { banner, connectsNow, isLive, listensToBanner, log, shows, writes } from './support/pages.mjs';
import { twoNodes } from './support/stand.mjs';
import { fetchText } from '../client/faults/balancer.mjs';
import { until } from '../client/faults/program.mjs';
import { Proxy } from '../client/support/proxy.mjs';

const hub = twoNodes();
const TALL = { viewport: { width: 900, height: 1600 } };
const PATIENCE = 20_000;

/** Two people in their conversation, each at an address of the hub; `sent` holds what they said, in order. */
class Talk {
  sent = [];

  static async between(opens, herUrl, hisUrl) {
    const talk = new Talk();
    [talk.alice, talk.bob] = await Promise.all(['Alice Moreau', 'Bob Okafor'].map((name) => Account.signsUp(hub.url, name)));
    talk.hers = await talk.#joins(opens, herUrl, talk.alice, talk.bob);
    talk.his = await talk.#joins(opens, hisUrl, talk.bob, talk.alice);
    for (let i = 0; i < 3; i += 1) {
      await talk.says(talk.hers, `Alice before ${i}`);
      await shows(talk.his, talk.sent);
      await talk.says(talk.his, `Bob before ${i}`);
      await shows(talk.hers, talk.sent);
    }
    return talk;
  }

  async #joins(opens, url, account, other) {
    const page = await opens(`${url}/c/${other.id}`, { account, ...TALL });
    await log(page).waitFor();
    await isLive(page);
    return page;
  }

  async says(page, text) {
    await writes(page, text);
    this.sent.push(text);
  }

  /** Both write at the same time. */
  async goesOn() {
    const say = (page, name) =>
      [0, 1, 2, 3].reduce((before, i) => before.then(() => this.says(page, `${name} meanwhile ${i}`)), Promise.resolve());
    await Promise.all([say(this.hers, 'Alice'), say(this.his, 'Bob')]);
  }

  /** All that was said is stored once, what one person said in order, and both pages show just that. */
  async isWhole() {
    await until(
      async () => (await this.alice.textsWith(this.bob)).length >= this.sent.length,
      PATIENCE,
      () => 'all has arrived',
    );
    const stored = await this.alice.textsWith(this.bob);
    for (const name of ['Alice', 'Bob']) {
      const by = (list) => list.filter((text) => text.startsWith(name));
      assert.deepEqual(by(stored), by(this.sent));
    }
    assert.equal(stored.length, this.sent.length);
    for (const page of [this.hers, this.his]) await shows(page, stored);
    await this.his.reload();
    await shows(this.his, stored);
  }
}

story(
  'a killed node: the page says that it is cut off, comes back on the other node, and nothing is lost or doubled',
  async ({ opens, t }) => {
    const [healthy, doomed] = hub.nodes;
    const proxy = await Proxy.to(doomed);
    t.after(() => proxy.close());
    const talk = await Talk.between(opens, healthy.url, proxy.url);
    const heardByHer = await listensToBanner(talk.hers);

    await doomed.kill();
    await banner(talk.his)
      .getByText(/^You are offline/)
      .waitFor();
    await talk.goesOn();
    await log(talk.his).getByText('Waiting to be sent').first().waitFor();
    // A load balancer that needed its time.
    proxy.leadsTo(healthy);
    await connectsNow(talk.his);
    await talk.says(talk.hers, 'Alice after');
    await talk.says(talk.his, 'Bob after');

    assert.deepEqual(await heardByHer(), []);
    await talk.isWhole();
  },
);
