// People behind a load balancer, one tab each, who write to one another.
import assert from 'node:assert/strict';
import { until } from '../../client/faults/program.mjs';
import { Tab } from '../../client/support/tab.mjs';
import { User } from '../../client/support/user.mjs';

/** The ways in which stock clients connect. */
export const CLIENTS = {
  default: {},
  'polling only': { transports: ['polling'] },
  'WebSocket only': { transports: ['websocket'] },
};

/** A tab that keeps cookies, as browsers do. */
export function opens(user, { url }, options = {}) {
  return new Tab(url, { auth: { token: user.token }, withCredentials: true, ...options });
}

export class Crowd {
  static async signsUp(balancer, count) {
    const crowd = new Crowd();
    crowd.users = await Promise.all(Array.from({ length: count }, (_, i) => User.signsUp(balancer, `person${i}`)));
    crowd.tabs = [];
    return crowd;
  }

  /** Opens one more tab for everybody; resolves with them when all are connected and, with `upgrades`, have upgraded as far as they go. */
  async opens(balancer, options = {}, { upgrades = true } = {}) {
    const tabs = this.users.map((user) => opens(user, balancer, options));
    this.tabs.push(...tabs.map((tab, i) => ({ tab, user: this.users[i], id: undefined })));
    await Promise.all(tabs.map((tab) => tab.connected()));
    const final = options.transports?.[0] ?? 'websocket';
    if (upgrades) await Promise.all(tabs.map((tab) => tab.speaks(final)));
    for (const entry of this.tabs) entry.id ??= entry.tab.socket.id;
    return tabs;
  }

  /** Everybody writes to the next one, twice; both see each message in each of their tabs, exactly once. */
  async converses(balancer) {
    for (let round = 0; round < 2; round += 1) {
      const expected = new Map(this.users.map((user) => [user, []]));
      for (const [i, user] of this.users.entries()) {
        const other = this.users[(i + 1) % this.users.length];
        const { _id } = await user.sends(balancer, other, `round ${round}`);
        expected.get(user).push(_id);
        expected.get(other).push(_id);
      }
      for (const { tab, user } of this.tabs) {
        const shown = [];
        while (shown.length < expected.get(user).length) shown.push((await tab.next('newMessage'))[0]._id);
        assert.deepEqual(shown, expected.get(user));
      }
    }
    for (const { tab } of this.tabs) assert.equal(tab.pending('newMessage'), 0, 'a message came twice');
  }

  /** How often tabs lost their connection, and how often a connection was refused, since they were opened. */
  get troubles() {
    const sum = (event) => this.tabs.reduce((count, { tab }) => count + tab.pending(event), 0);
    return { disconnects: sum('disconnect'), errors: sum('connect_error') };
  }

  assertUndisturbed() {
    assert.deepEqual(this.troubles, { disconnects: 0, errors: 0 });
    for (const { tab, id } of this.tabs) assert.equal(tab.socket.id, id, 'it is another session');
  }

  /** Until everybody is connected (again); whoever gave up fails it. */
  async isBack(ms) {
    const back = () =>
      this.tabs.every(({ tab }) => {
        assert.ok(tab.socket.active, 'a client gave up');
        return tab.socket.connected;
      });
    await until(back, ms, () => `everybody is back; without: ${this.tabs.filter(({ tab }) => !tab.socket.connected).length}`);
  }

  close() {
    for (const { tab } of this.tabs) tab.close();
    this.tabs = [];
  }
}
