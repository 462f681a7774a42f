// Somebody with a session and up to three tabs. What they do is done one after the other.
import { sleep, until } from '../faults/program.mjs';
import { Client } from './client.mjs';

const TABS = 3;

export class Person {
  #stand;
  #last = Promise.resolve();
  #waiting = 0;

  static async with(stand, user, name) {
    const person = new Person();
    person.#stand = stand;
    Object.assign(person, { user, name });
    const tabs = Array.from({ length: TABS }, () => Client.of(stand, { user, node: 0 }));
    person.tabs = await Promise.all(tabs);
    return person;
  }

  get id() {
    return this.user.id;
  }

  get busy() {
    return this.#waiting > 0;
  }

  /** Puts something in the queue of what this person does. */
  #does(what) {
    this.#waiting += 1;
    this.#last = this.#last.then(what).catch((error) => this.#stand.complains(`${this.name}: ${error.stack}`));
    this.#last.finally(() => (this.#waiting -= 1));
    return this.#last;
  }

  arrives(tab, node) {
    return this.#does(() => {
      Object.assign(this.tabs[tab], { user: this.user, node });
      this.tabs[tab].opens();
    });
  }

  leaves(tab) {
    return this.#does(() => this.tabs[tab].closes());
  }

  reloads(tab, gap) {
    return this.#does(async () => {
      this.tabs[tab].closes();
      await sleep(gap);
      this.tabs[tab].opens();
    });
  }

  moves(tab, node) {
    return this.#does(() => {
      this.tabs[tab].node = node;
      this.tabs[tab].reopens();
    });
  }

  blips(tab) {
    return this.#does(() => this.tabs[tab].blips());
  }

  vanishes(tab) {
    return this.#does(() => this.tabs[tab].vanishes());
  }

  types(tab, to) {
    return this.#does(() => void this.tabs[tab].socket.emit('typing', { receiverId: to.id }));
  }

  /** Logs out on whatever node answers; the hub closes the tabs. Then there is a new session, for later. */
  logsOut(node) {
    return this.#does(async () => {
      const from = performance.now();
      this.tabs.forEach((tab) => tab.awaitsLogout());
      await this.#insists(node, (seat) => this.user.logsOut(seat));
      this.#stand.timeline.logouts.push({ person: this.id, from, to: performance.now() });
      const closed = () => this.tabs.every(({ ended }) => ended);
      await until(closed, 1_500, () => 'the hub closes the sockets of a session that was logged out');
      this.tabs.forEach((tab) => tab.closes());
      this.user = await this.#insists(node, (seat) => this.user.logsIn(seat));
    });
  }

  async #insists(node, asks) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await asks(this.#stand.seatFor(node + attempt));
      } catch (error) {
        if (attempt === 10) throw error;
        await sleep(100);
      }
    }
  }

  /** Whose node is about to die, and who does not come back from that; tabs on other nodes are closed. */
  givesUp(process) {
    for (const tab of this.tabs) {
      if (tab.connected && tab.span.process === process) tab.resigns();
      else tab.closes();
    }
  }
}
