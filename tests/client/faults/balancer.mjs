// The load balancer before the nodes: asks each node whether it is ready, keeps a client on its node as long as that is,
// and deals out the connections of clients that need no such thing in turn.
import { get } from 'node:http';
import { sleep } from './program.mjs';

const EVERY = 250;
const PATIENCE = 1_000;
// As many bad answers in a row take a node out.
const STRIKES = 2;

/** GET with a time limit: `{status, body}`; `status` 0 is no answer. */
export function fetchText(url, ms = PATIENCE) {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal: AbortSignal.timeout(ms) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body }));
      response.on('error', () => resolve({ status: 0, body: '' }));
    });
    request.on('error', () => resolve({ status: 0, body: '' }));
  });
}

export class Balancer {
  #members;
  #network;
  #strikes;
  #turn = 0;
  #running = true;
  #watches = [];
  /** For whoever wants to know what nodes said of themselves: called with (index, parsed body of /ready). */
  onReport;

  constructor(members, network) {
    this.#members = members;
    this.#network = network;
    this.#strikes = members.map(() => 0);
    this.#watches = members.map((member) => this.#watch(member));
  }

  async #watch(member) {
    while (this.#running) {
      const url = member.opsUrl ? `${member.opsUrl}/ready` : `${member.url}/api/auth/check`;
      const { status, body } = member.alive ? await fetchText(url) : { status: 0, body: '' };
      const good = status === 200 || (!member.opsUrl && status === 401);
      this.#strikes[member.index] = good ? 0 : this.#strikes[member.index] + 1;
      if (member.opsUrl && status !== 0) this.onReport?.(member.index, body);
      await sleep(EVERY);
    }
  }

  isUp(index) {
    return this.#members[index].alive && this.#strikes[index] < STRIKES;
  }

  /** Takes a new node in at once, as after a readiness probe that was just passed. */
  welcomes(index) {
    this.#strikes[index] = 0;
  }

  /** Takes a node out, as a rolling update does before it sends SIGTERM. */
  dismisses(index) {
    this.#strikes[index] = STRIKES;
  }

  up() {
    const up = this.#members.filter((member) => this.isUp(member.index));
    return up.length > 0 ? up : this.#members;
  }

  #to(member) {
    return { port: member.port, tag: member.index };
  }

  /** An address whose connections go to the nodes in turn. */
  async inTurn() {
    const port = await this.#network.listen(() => {
      const up = this.up();
      this.#turn += 1;
      return this.#to(up[this.#turn % up.length]);
    });
    return `http://127.0.0.1:${port}`;
  }

  /** An address for one client, who stays on one node while that is up. */
  async sticky(first) {
    let index = first % this.#members.length;
    const port = await this.#network.listen(() => {
      if (!this.isUp(index)) {
        const up = this.up();
        index = up[(first + (this.#turn += 1)) % up.length].index;
      }
      return this.#to(this.#members[index]);
    });
    return `http://127.0.0.1:${port}`;
  }

  /** An address that always leads to this node, through the same wires. */
  async straightTo(index) {
    const port = await this.#network.listen(() => this.#to(this.#members[index]));
    return `http://127.0.0.1:${port}`;
  }

  close() {
    this.#running = false;
    return Promise.all(this.#watches);
  }
}
