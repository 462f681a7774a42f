// The network between a client and a hub, which can be cut.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export class Proxy {
  readonly #connections = new Set<Socket>();
  readonly #port: number;
  readonly #server = createServer((client) => this.#join(client));
  #isDown = false;
  readonly #stalled = new WeakSet<Socket>();
  /** A line that is put into the head of the first request of each connection. */
  header: string | undefined;
  /** Whether WebSockets are let through. */
  takesWebSockets = true;
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

  /** Swallows everything on the connections that stand, until they end; new ones are fine. */
  stall(): void {
    this.#connections.forEach((end) => this.#stalled.add(end));
  }

  /** Holds back everything on the connections that stand, until `flow`. */
  pause(): void {
    this.#connections.forEach((end) => end.pause());
  }

  flow(): void {
    this.#connections.forEach((end) => end.resume());
  }

  close(): void {
    this.#server.close();
    this.drop();
  }

  #join(client: Socket): void {
    if (this.#isDown) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#port, '127.0.0.1');
    const { header } = this;
    if (header !== undefined) {
      const withHeader = (head: Buffer): string => head.toString('latin1').replace('\r\n', `\r\n${header}\r\n`);
      client.once('data', (head) => client.unshift(withHeader(head), 'latin1'));
    }
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#connections.add(end);
      end.on('data', (data) => {
        if (!this.takesWebSockets && /^upgrade: websocket/im.test(data.toString('latin1'))) end.destroy();
        else if (!this.#stalled.has(end)) other.write(data);
      });
      end.on('error', () => other.destroy());
      end.on('close', () => {
        this.#connections.delete(end);
        other.destroy();
      });
    }
  }
}
