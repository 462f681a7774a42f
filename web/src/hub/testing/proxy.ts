// The network between a client and a hub, which can be cut.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export class Proxy {
  readonly #connections = new Set<Socket>();
  readonly #port: number;
  readonly #server = createServer((client) => this.#join(client));
  #isDown = false;
  /** Holds back what the hub answers to requests with this in them, until `release`. */
  #held: { mark: string; release: () => void; released: Promise<void> } | undefined;
  url = '';

  private constructor(port: number) {
    this.#port = port;
  }

  static async to(url: string): Promise<Proxy> {
    const proxy = new Proxy(Number(new URL(url).port));
    await new Promise<void>((listens) => proxy.#server.listen(0, '127.0.0.1', listens));
    proxy.url = `http://127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`;
    return proxy;
  }

  /** Ends every connection, and each new one, until `heal`. */
  cut(): void {
    this.#isDown = true;
    this.drop();
  }

  /** Ends every connection; new ones may come. */
  drop(): void {
    this.#connections.forEach((end) => end.resetAndDestroy());
  }

  heal(): void {
    this.#isDown = false;
  }

  /** Answers on connections whose request has this in it wait until the returned function is called. */
  hold(mark: string): () => void {
    let release = (): void => undefined;
    const released = new Promise<void>((done) => (release = done));
    this.#held = { mark, release, released };
    return () => {
      this.#held = undefined;
      release();
    };
  }

  close(): void {
    this.#server.close();
    this.#held?.release();
    this.drop();
  }

  #join(client: Socket): void {
    if (this.#isDown) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#port, '127.0.0.1');
    let gate: Promise<void> | undefined;
    client.on('data', (data) => {
      if (this.#held && data.includes(this.#held.mark)) gate = this.#held.released;
      server.write(data);
    });
    server.on('data', (data) => {
      if (gate) void gate.then(() => client.writable && client.write(data));
      else client.write(data);
    });
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#connections.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => {
        this.#connections.delete(end);
        other.destroy();
      });
    }
  }
}
