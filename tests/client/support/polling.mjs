// Engine.IO by hand, over HTTP long-polling: for what the stock client would never send.
import assert from 'node:assert/strict';

export class Polling {
  #url;
  #headers;

  static async opens(node, headers = {}) {
    const polling = new Polling();
    polling.#url = `${node.url}/socket.io/?EIO=4&transport=polling`;
    polling.#headers = headers;
    const { status, text } = await polling.polls();
    assert.equal(status, 200, text);
    polling.#url += `&sid=${JSON.parse(text.slice(1)).sid}`;
    return polling;
  }

  polls() {
    return this.#fetch({});
  }

  /** Posts one packet as it is. */
  posts(packet) {
    return this.#fetch({ method: 'POST', body: packet });
  }

  async #fetch(options) {
    const response = await fetch(this.#url, { ...options, headers: this.#headers, signal: AbortSignal.timeout(10_000) });
    return { status: response.status, text: await response.text() };
  }
}
