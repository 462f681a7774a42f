// Stands for a load balancer: one address, and a node behind it that can be changed.
import { createServer, connect } from 'node:net';
import { once } from 'node:events';

export class Proxy {
  #server;
  #target;
  #down = false;
  #connections = new Set();

  static async to(node) {
    const proxy = new Proxy();
    proxy.leadsTo(node);
    proxy.#server = createServer((client) => proxy.#join(client)).listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  /** New connections go to this node; those that stand stay where they are. */
  leadsTo(node) {
    this.#target = Number(new URL(node.url).port);
  }

  #join(client) {
    if (this.#down) return client.resetAndDestroy();
    const server = connect(this.#target, '127.0.0.1');
    for (const [end, other] of [[client, server], [server, client]]) {
      this.#connections.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => {
        this.#connections.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  }

  /** Resets every connection that stands, and new ones until `heals`, as a network does that goes away. */
  cuts() {
    this.#down = true;
    this.#connections.forEach((end) => end.resetAndDestroy());
  }

  heals() {
    this.#down = false;
  }

  close() {
    this.#server.close();
    this.#connections.forEach((end) => end.destroy());
  }
}
