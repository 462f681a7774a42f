// A load balancer without stickiness: it deals out each single request, not connections, to the nodes in turn.
import { createServer, request as ask } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';

const sidIn = (url) => new URL(url, 'http://any').searchParams.get('sid');

export class Dealer {
  #server;
  #nodes;
  #turn = 0;
  #holders = new Map(); // session id -> the node that opened it
  #served = new Map(); // session id -> the nodes that got a request of it
  #ends = new Set();
  #upgradesTo;

  /** The node that got the latest WebSocket which names no session. */
  websocketAt;

  /** `upgradesTo(holder, nodes)` chooses the node for a WebSocket that names a session; by default it is dealt out, too. */
  static async before(nodes, { upgradesTo } = {}) {
    const dealer = new Dealer();
    dealer.#nodes = [...nodes];
    dealer.#upgradesTo = upgradesTo ?? (() => dealer.#next());
    dealer.#server = createServer((request, response) => dealer.#answer(request, response));
    dealer.#server.on('upgrade', (request, socket, head) => dealer.#tunnel(request, socket, head));
    dealer.#server.listen(0, '127.0.0.1');
    await once(dealer.#server, 'listening');
    dealer.url = `http://127.0.0.1:${dealer.#server.address().port}`;
    return dealer;
  }

  /** The node that a session was opened at, and all that got a request of it. */
  holderOf(sid) {
    return this.#holders.get(sid);
  }

  servedBy(sid) {
    return this.#served.get(sid) ?? new Set();
  }

  /** Deals nothing more to this node. */
  dismisses(node) {
    this.#nodes = this.#nodes.filter((other) => other !== node);
  }

  #next() {
    this.#turn += 1;
    return this.#nodes[this.#turn % this.#nodes.length];
  }

  #note(sid, node) {
    if (!this.#served.has(sid)) this.#served.set(sid, new Set());
    this.#served.get(sid).add(node);
  }

  async #answer(request, response) {
    const sid = sidIn(request.url);
    const node = this.#next();
    if (sid) this.#note(sid, node);
    const options = { method: request.method, headers: request.headers, agent: false };
    const onward = ask(node.url + request.url, options, async (answer) => {
      const chunks = [];
      try {
        for await (const chunk of answer) chunks.push(chunk);
      } catch {
        response.destroy();
        return;
      }
      const body = Buffer.concat(chunks);
      const opened = sid ? undefined : /^0\{"sid":"([^"]+)"/.exec(body.toString())?.[1];
      if (opened) this.#holders.set(opened, node);
      response.writeHead(answer.statusCode, answer.headers);
      response.end(body);
    });
    onward.on('error', () => {
      if (response.headersSent) return response.destroy();
      response.writeHead(502);
      response.end();
    });
    // Who hangs up here hangs up there.
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }

  #tunnel(request, client, head) {
    const sid = sidIn(request.url);
    const node = sid ? this.#upgradesTo(this.#holders.get(sid), this.#nodes) : (this.websocketAt = this.#next());
    const server = connect(Number(new URL(node.url).port), '127.0.0.1');
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    server.write(`${lines.join('\r\n')}\r\n\r\n`);
    server.write(head);
    for (const [end, other] of [[client, server], [server, client]]) {
      this.#ends.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => {
        this.#ends.delete(end);
        other.end();
      });
      end.pipe(other);
    }
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#ends.forEach((end) => end.destroy());
  }
}
