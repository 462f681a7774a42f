// Two people whose nodes are known: one writes ten times a second through one node, the other reads on one node. What they
// notice of other people's trouble is what a healthy user notices.
import { Agent } from 'node:http';
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';
import { ask } from './senders.mjs';
import { sleep, until } from './program.mjs';

const EVERY = 100;

/** The value below which `share` of the numbers are; 0 of none. */
export function percentile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export class Pair {
  /** Each message: `{began, acked, shown}`, moments; the latter two are undefined until they come. */
  messages = [];
  attempts = []; // {at, ms, status}
  #running = true;
  #loop;

  static async meets(world, writesAt, readsAt) {
    const pair = new Pair();
    const [writer, reader] = [await world.signsUp('writer', writesAt), await world.signsUp('reader', readsAt)];
    pair.socket = io(world.nodeUrls[readsAt], { forceNew: true, transports: ['websocket'], auth: { token: reader.token } });
    pair.socket.on('newMessage', ({ text }) => {
      const message = pair.messages[Number(text)];
      if (message) message.shown ??= performance.now();
    });
    await until(() => pair.socket.connected, 20_000, () => 'the reader is connected');
    pair.#loop = pair.#writes(world.nodeUrls[writesAt], writer, reader);
    return pair;
  }

  async #writes(url, writer, reader) {
    const agent = new Agent({ keepAlive: true });
    while (this.#running) {
      const message = { began: performance.now() };
      const body = { text: String(this.messages.push(message) - 1), clientId: randomUUID() };
      const path = `/api/messages/send/${reader.id}`;
      while (message.acked === undefined) {
        const from = performance.now();
        const { status } = await ask({ url, agent, method: 'POST', path, token: writer.token, body, ms: 10_000 });
        this.attempts.push({ at: from, ms: performance.now() - from, status });
        if (status === 201) message.acked = performance.now();
        else await sleep(50);
      }
      await sleep(Math.max(0, EVERY - (performance.now() - message.began)));
    }
    agent.destroy();
  }

  /** What happened to the messages that were written in that time; milliseconds. */
  report(from, to) {
    const within = this.messages.filter(({ began }) => began >= from && began < to);
    const attempts = this.attempts.filter(({ at }) => at >= from && at < to);
    const delays = within.flatMap(({ acked, shown }) => (shown === undefined ? [] : [Math.max(0, shown - acked)]));
    return {
      sent: within.length,
      failed: attempts.filter(({ status }) => status !== 201).length,
      sendMs: { p50: percentile(attempts.map(({ ms }) => ms), 0.5), p99: percentile(attempts.map(({ ms }) => ms), 0.99) },
      unseen: within.length - delays.length,
      delayMs: { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99), max: percentile(delays, 1) },
    };
  }

  async parts() {
    this.#running = false;
    await this.#loop;
    const missing = () => this.messages.some(({ shown }) => shown === undefined);
    await until(() => !missing(), 10_000, () => '').catch(() => {});
    this.socket.close();
  }
}
