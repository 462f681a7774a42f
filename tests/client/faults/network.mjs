// The wires between the parts: TCP proxies whose connections can be cut, reset, stalled and brought back, all of those to one
// node (`tag`) at a time. What a proxy holds when its connection is cut is lost, as in a network.
import { createServer, connect } from 'node:net';
import { once } from 'node:events';

/** Both ends have given up long before. */
const FORGOTTEN_AFTER = 90_000;

export class Network {
  #servers = [];
  #pairs = new Set();
  #vanished = new Set();
  #modes = new Map(); // tag -> 'cut' | 'stalled'; absent: all is well
  /** Connections that a fault ended or held, ever. */
  bitten = 0;

  /** Listens on a port of its own. `route()` says for each new connection where it leads: `{port, tag}`, or undefined: nowhere. */
  async listen(route) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#join(near, route()));
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
    await once(server, 'listening');
    this.#servers.push(server);
    return server.address().port;
  }

  #join(near, to) {
    near.on('error', () => near.destroy());
    if (!to?.port || this.#modes.get(to.tag) === 'cut') {
      if (to?.port) this.bitten += 1;
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: to.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const pair = { near, far, tag: to.tag, stalled: false };
    this.#pairs.add(pair);
    this.#pipe(pair, near, far);
    this.#pipe(pair, far, near);
    if (this.#modes.get(to.tag) === 'stalled') this.#stall(pair);
  }

  #pipe(pair, from, to) {
    from.on('data', (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => {
      if (!pair.stalled) from.resume();
    });
    from.on('end', () => to.end());
    from.on('error', () => {
      if (pair.vanished) return;
      this.#pairs.delete(pair);
      // What happened to one end happens to the other.
      if (!to.destroyed) to.resetAndDestroy();
    });
    from.on('close', () => {
      if (pair.vanished) return;
      if (!to.destroyed && from.destroyed && !from.readableEnded) to.destroy();
      if (to.destroyed) this.#pairs.delete(pair);
    });
  }

  #stall(pair) {
    pair.stalled = true;
    pair.near.pause();
    pair.far.pause();
    this.bitten += 1;
  }

  #having(tag) {
    return [...this.#pairs].filter((pair) => tag === undefined || pair.tag === tag);
  }

  count(tag) {
    return this.#having(tag).length;
  }

  /** Ends all connections with a reset; new ones go on to be made. Returns how many there were. */
  reset(tag) {
    const pairs = this.#having(tag);
    for (const pair of pairs) {
      this.#pairs.delete(pair);
      pair.near.resetAndDestroy();
      pair.far.resetAndDestroy();
    }
    this.bitten += pairs.length;
    return pairs.length;
  }

  /** Ends all connections in good order (FIN), and refuses new ones until `heal`. */
  cut(tag) {
    this.#modes.set(tag, 'cut');
    const pairs = this.#having(tag);
    for (const pair of pairs) {
      this.#pairs.delete(pair);
      pair.near.destroy();
      pair.far.destroy();
    }
    this.bitten += pairs.length;
    return pairs.length;
  }

  /** Nothing passes any more, and nobody is told, until `heal`. */
  stall(tag) {
    this.#modes.set(tag, 'stalled');
    const pairs = this.#having(tag);
    pairs.forEach((pair) => this.#stall(pair));
    return pairs.length;
  }

  /** Nothing passes on these connections ever again, and neither end is told: each must find out. New ones are well. */
  vanish(tag) {
    const pairs = this.#having(tag);
    for (const pair of pairs) {
      this.#stall(pair);
      pair.vanished = true;
      this.#pairs.delete(pair);
      this.#vanished.add(pair);
      pair.timer = setTimeout(() => this.#buries(pair), FORGOTTEN_AFTER);
    }
    return pairs.length;
  }

  #buries(pair) {
    clearTimeout(pair.timer);
    this.#vanished.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  }

  heal(tag) {
    this.#modes.delete(tag);
    for (const pair of this.#having(tag)) {
      if (!pair.stalled) continue;
      pair.stalled = false;
      pair.near.resume();
      pair.far.resume();
    }
  }

  close() {
    this.#servers.forEach((server) => server.close());
    for (const pair of [...this.#pairs, ...this.#vanished]) this.#buries(pair);
  }
}
