// Asks one node over REST who is online, again and again, and writes the answers down.
import { ask } from '../faults/senders.mjs';
import { sleep } from '../faults/program.mjs';
import { Span } from './timeline.mjs';

const EVERY = 300;
/** An answer that took longer says nothing about a moment. */
const FRESH = 500;
/** People to one question. */
const MOST = 100;

export class Asker {
  #stand;
  #node;
  #user;
  #running = true;
  #loop;
  span;

  constructor(stand, { node, user }) {
    this.#stand = stand;
    this.#node = node;
    this.#user = user;
    this.#loop = this.#asks();
  }

  async #asks() {
    while (this.#running) {
      const seat = this.#stand.seatAt(this.#node);
      if (seat) await this.#asksOnce(seat);
      await sleep(EVERY);
    }
  }

  async #asksOnce(seat) {
    const ids = [...this.#stand.timeline.names.keys()].slice(0, MOST);
    const from = performance.now();
    const { status, body } = await ask({ url: seat.url, path: `/api/users/presence?ids=${ids.join()}`, token: this.#user.token });
    const at = performance.now();
    // A node that was hurt meanwhile may answer what it likes.
    if (this.#stand.seatAt(this.#node) !== seat || at - from > FRESH) return;
    if (status !== 200) {
      this.#stand.complains(`node ${seat.index} answers ${status} for presence: ${JSON.stringify(body)}`);
      return;
    }
    if (body.map(({ userId }) => userId).join() !== ids.join()) this.#stand.complains('answers in another order than asked');
    for (const { userId, state, lastSeen } of body) {
      if (state === 'online' && lastSeen !== null)
        this.#stand.complains(`${this.#stand.timeline.named(userId)} is online and was last seen ${lastSeen}`);
    }
    const those = (wanted) => new Set(body.flatMap(({ userId, state }) => (state === wanted ? [userId] : [])));
    if (this.span?.process !== seat.process) this.#begins(seat, from);
    this.span.notes.push({
      at: from,
      what: 'answer',
      online: those('online'),
      offline: those('offline'),
      unknown: those('unknown'),
    });
  }

  #begins({ index, process }, from) {
    this.span = this.#stand.timeline.opens(new Span({ kind: 'rest', node: index, process, opened: from }));
    this.span.from = from;
  }

  stop() {
    this.#running = false;
    return this.#loop;
  }
}
