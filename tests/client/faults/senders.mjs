// People who write: one send at a time in each direction of a conversation, repeated with the same clientId until it is
// acknowledged, on whatever node. Nobody gives up, as an outbox in a client would not.
import { Agent, request } from 'node:http';
import { randomUUID } from 'node:crypto';
import { sleep } from './program.mjs';

/** One request: `{status, body, node}`; `status` 0 is no answer. */
export function ask({ url, agent, method = 'GET', path, token, body, ms = 2_500 }) {
  return new Promise((resolve) => {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...(token && { cookie: `jwt=${token}` }),
      ...(content && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
    };
    const call = request(url + path, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('error', () => done(0));
      response.on('end', () => {
        try {
          done(response.statusCode, JSON.parse(text), response.headers);
        } catch {
          done(response.statusCode, undefined, response.headers);
        }
      });
    });
    const timer = setTimeout(() => call.destroy(new Error('late')), ms);
    const done = (status, answer, received = {}) => {
      clearTimeout(timer);
      resolve({ status, body: answer, headers: received });
    };
    call.on('error', (error) => done(0, error.message));
    call.end(content);
  });
}

/** How long a message that waits for its turn may make a sender send faster afterwards. */
const BACKLOG = 3_000;

export class Senders {
  #streams;
  #ledger;
  #urls;
  #rate;
  #running = true;
  #halted = false;
  #loops = [];
  #agents;
  #sour; // when a node last failed: people try another one first
  /** Answers other than 201, by status; 0 is none at all. */
  failures = new Map();
  /** Time to a 201, of the attempt that got it: for the percentiles of an outage. */
  latencies = [];

  /** `rate`: messages a second of all streams together. `urls`: one for each node. */
  constructor({ streams, ledger, urls, rate }) {
    this.#streams = streams;
    this.#ledger = ledger;
    this.#urls = urls;
    this.#rate = rate;
    this.#agents = urls.map(() => new Agent({ keepAlive: true, maxSockets: 128 }));
    this.#sour = urls.map(() => -Infinity);
  }

  start() {
    const every = (1_000 * this.#streams.length) / this.#rate;
    this.#loops = this.#streams.map((stream, i) => this.#sends(stream, every, (every * i) / this.#streams.length));
  }

  async #sends(stream, every, offset) {
    let due = performance.now() + offset;
    while (this.#running) {
      const now = performance.now();
      due = Math.max(due, now - BACKLOG);
      if (due > now) {
        await sleep(due - now);
        continue;
      }
      due += every;
      await this.#insists(stream);
    }
  }

  async #insists(stream) {
    const n = this.#ledger.begins(stream);
    const body = { text: `${stream.index}.${n}`, clientId: randomUUID() };
    for (let attempt = 0; !this.#halted; attempt += 1) {
      const node = this.#picks();
      const from = performance.now();
      const { status, body: answer } = await ask({
        url: this.#urls[node],
        agent: this.#agents[node],
        method: 'POST',
        path: `/api/messages/send/${stream.to.id}`,
        token: stream.from.token,
        body,
      });
      if (status === 201) {
        this.latencies.push({ at: performance.now(), ms: performance.now() - from });
        this.#ledger.acknowledged(stream, n, answer._id);
        return;
      }
      this.failures.set(status, (this.failures.get(status) ?? 0) + 1);
      this.#sour[node] = performance.now();
      await sleep(Math.min(400, 40 * 2 ** Math.min(attempt, 4)) * (0.5 + Math.random()));
    }
  }

  #picks() {
    const sweet = this.#sour.flatMap((at, node) => (performance.now() - at > 700 ? [node] : []));
    const choice = sweet.length > 0 ? sweet : this.#sour.map((_, node) => node);
    return choice[Math.floor(Math.random() * choice.length)];
  }

  /** Begins no more messages; resolves when all that were begun are acknowledged. */
  async stop() {
    this.#running = false;
    await Promise.all(this.#loops);
    this.#agents.forEach((agent) => agent.destroy());
  }

  /** Gives up at once. */
  halt() {
    this.#running = false;
    this.#halted = true;
  }
}
