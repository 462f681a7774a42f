// A node of which nothing is real but its ports: for what a balancer does with requests, which is easier to see from here.
import { createServer } from 'node:http';
import { once } from 'node:events';

export class Backend {
  /** What came to the public port: `{method, path, headers}`, oldest first. */
  requests = [];
  ready = true;
  #servers = [];

  /** `answers(request, response)` on the public port. */
  static async start(answers) {
    const backend = new Backend();
    backend.answers = answers;
    backend.url = await backend.#listens((request, response) => {
      const { method, url, headers } = request;
      backend.requests.push({ method, path: url, headers });
      // A body that nobody reads would hold up the connection.
      request.resume().on('end', () => backend.answers(request, response));
    });
    backend.opsUrl = await backend.#listens((_, response) => response.writeHead(backend.ready ? 200 : 503).end());
    return backend;
  }

  async #listens(handler) {
    const server = createServer(handler).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    return `http://127.0.0.1:${server.address().port}`;
  }

  stop() {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}

/** Takes the request in, and dies before it says so. */
export const diesUnanswered = (request) => request.socket.destroy();
export const answers = (status, headers = {}) => (_, response) => response.writeHead(status, headers).end('{}');
