// A browser tab: a stock socket.io-client that remembers what it was told, in order.
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';
import { deadline } from './deadline.mjs';

const WAIT = 10_000;
const open = new Set();

export function closeAllTabs() {
  open.forEach((tab) => tab.close());
}

export class Tab {
  #received = []; // {event, args}, oldest first; what was looked at is gone
  #watchers = new Set();

  /** Opens at once. The options are those of socket.io-client. */
  constructor(url, options = {}) {
    this.socket = io(url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 500, ...options });
    this.socket.onAny((event, ...args) => this.#record(event, args));
    for (const event of ['connect', 'connect_error', 'disconnect']) {
      this.socket.on(event, (...args) => this.#record(event, args));
    }
    open.add(this);
  }

  #record(event, args) {
    this.#received.push({ event, args });
    for (const look of this.#watchers) look();
  }

  /** Waits until `find` gives something other than undefined; it is asked again after each event. */
  async #until(find, what, ms = WAIT) {
    let look;
    const found = new Promise((resolve, reject) => {
      look = () => {
        try {
          const result = find();
          if (result === undefined) return;
          // At once: several events may come in one turn, and what is found may have been taken.
          this.#watchers.delete(look);
          resolve(result);
        } catch (error) {
          reject(error);
        }
      };
      this.#watchers.add(look);
      look();
    });
    const seen = () => JSON.stringify(this.#received.map(({ event, args }) => [event, ...args.map((arg) => arg?.message ?? arg)]));
    try {
      return await deadline(found, ms, () => `no ${what} within ${ms} ms; waiting: ${seen().slice(0, 2_000)}`);
    } finally {
      this.#watchers.delete(look);
    }
  }

  /** Takes the oldest event of that name that was not taken yet: its arguments. */
  next(event, ms) {
    const take = () => {
      const at = this.#received.findIndex((entry) => entry.event === event);
      return at < 0 ? undefined : this.#received.splice(at, 1)[0].args;
    };
    return this.#until(take, event, ms);
  }

  /** How many events of that name came and were not taken. */
  pending(event) {
    return this.#received.filter((entry) => entry.event === event).length;
  }

  /** Resolves at the next connect; fails if the client was refused for good and will not try again. */
  async connected(ms) {
    const outcome = () => {
      const at = this.#received.findIndex(({ event }) => event === 'connect');
      const error = this.#received.find(({ event }) => event === 'connect_error');
      if (at < 0) return error && !this.socket.active ? assert.fail(`refused: ${error.args[0]?.message}`) : undefined;
      this.#received.splice(at, 1);
      return true;
    };
    await this.#until(outcome, 'connect', ms);
  }

  /** Resolves when this transport carries everything: after the upgrade, if there is one. */
  async speaks(transport) {
    const { engine } = this.socket.io;
    const done = new Promise((resolve) => {
      engine.on('upgrade', resolve);
      if (engine.transport.name === transport) resolve();
    });
    await deadline(done, WAIT, () => `still on ${engine.transport.name}`);
  }

  /** Loses the network for as long as `meanwhile` takes; resolves with what that gave when the tab is connected again. */
  async loses(network, meanwhile) {
    network.cuts();
    await this.next('disconnect');
    const result = await meanwhile();
    network.heals();
    await this.connected();
    return result;
  }

  /** Resolves with the error's message when the connection is refused. */
  async refused() {
    const [error] = await this.next('connect_error');
    assert.equal(this.pending('connect'), 0, 'it was connected');
    return error.message;
  }

  /** The next newMessage, which must be exactly this one. */
  async shows(message) {
    const [shown] = await this.next('newMessage');
    assert.deepEqual(shown, message);
  }

  /** Proves that no newMessage came before `marker`, which was sent last, nor after it so far. */
  async showsOnly(marker) {
    await this.shows(marker);
    assert.equal(this.pending('newMessage'), 0);
  }

  /** Waits for a list of who is online that has all of `present` and none of `absent`. */
  async online({ present = [], absent = [] }) {
    const latestFits = () => {
      const list = this.lists().at(-1);
      const fits = list && present.every(({ id }) => list.includes(id)) && !absent.some(({ id }) => list.includes(id));
      return fits || undefined;
    };
    await this.#until(latestFits, `list with ${present.map(({ id }) => id)} without ${absent.map(({ id }) => id)}`);
  }

  /** Every list of who is online that came and was not taken, oldest first. */
  lists() {
    return this.#received.filter(({ event }) => event === 'getOnlineUsers').map(({ args: [list] }) => list);
  }

  /** Forgets the lists so far: the next `online` looks at later ones only. */
  forgetLists() {
    this.#received = this.#received.filter(({ event }) => event !== 'getOnlineUsers');
  }

  /** Emits and resolves with the acknowledgement. */
  asks(event, ...args) {
    return this.socket.timeout(WAIT).emitWithAck(event, ...args);
  }

  close() {
    open.delete(this);
    this.socket.disconnect();
  }
}
