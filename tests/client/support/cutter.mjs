// A proxy that lets polling through and cuts WebSockets at a chosen point of the upgrade.
import { createServer, connect } from 'node:net';
import { once } from 'node:events';

const PROBE = 12; // the client's frame `2probe`, masked
const ANSWER = 8; // the server's frame `3probe`
const UPGRADE = PROBE + 7; // and the client's frame `5`

// When it is cut: by the bytes that the client and the server have sent after their HTTP heads; -1 before the head ended.
export const STAGES = [
  { name: 'before its request is answered', lets: false, cuts: (client) => client >= 0 },
  { name: 'after its 101', lets: true, cuts: (client, server) => server >= 0 },
  { name: 'before its probe arrives', lets: false, cuts: (client) => client >= PROBE },
  { name: 'after its probe has arrived', lets: true, cuts: (client) => client >= PROBE },
  { name: 'after its probe was answered', lets: true, cuts: (client, server) => server >= ANSWER },
  { name: 'before the end of the upgrade arrives', lets: false, cuts: (client) => client >= UPGRADE },
  { name: 'after the end of the upgrade has arrived', lets: true, cuts: (client) => client >= UPGRADE },
];

/** Counts what comes after an HTTP head. */
class Counter {
  #head = '';
  bytes = -1;

  add(data) {
    if (this.bytes >= 0) {
      this.bytes += data.length;
      return;
    }
    this.#head += data.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end >= 0) this.bytes = this.#head.length - end - 4;
  }

  get isWebSocket() {
    return /^GET [^\r]*transport=websocket/.test(this.#head);
  }
}

export class Cutter {
  #server;
  #port;
  #stage;
  #left;
  #ends = new Set();
  #watchers = [];

  /** WebSockets that were cut. */
  cuts = 0;

  /** Cuts the first `times` WebSockets to this node at this stage. */
  static async to(node, stage, times) {
    const cutter = new Cutter();
    cutter.#port = Number(new URL(node.url).port);
    cutter.#stage = stage;
    cutter.#left = times;
    cutter.#server = createServer((client) => cutter.#join(client)).listen(0, '127.0.0.1');
    await once(cutter.#server, 'listening');
    cutter.url = `http://127.0.0.1:${cutter.#server.address().port}`;
    return cutter;
  }

  /** Resolves at the next cut. */
  nextCut() {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  #join(client) {
    const server = connect(this.#port, '127.0.0.1');
    const sent = { client: new Counter(), server: new Counter() };
    let over = false;
    const end = () => {
      client.destroy();
      server.destroy();
    };
    const pass = (from, to, counter) => {
      this.#ends.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.#ends.delete(from);
        to.destroy();
      });
      from.on('data', (data) => {
        if (over) return;
        counter.add(data);
        over = this.#left > 0 && sent.client.isWebSocket && this.#stage.cuts(sent.client.bytes, sent.server.bytes);
        if (!over) {
          to.write(data);
          return;
        }
        this.#left -= 1;
        this.cuts += 1;
        this.#watchers.splice(0).forEach((watch) => watch());
        if (this.#stage.lets) to.write(data, end);
        else end();
      });
    };
    pass(client, server, sent.client);
    pass(server, client, sent.server);
  }

  close() {
    this.#server.close();
    this.#ends.forEach((end) => end.destroy());
  }
}
