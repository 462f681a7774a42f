// People, by REST: for what is no part of the story that a test tells.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { until } from '../../client/faults/program.mjs';

export const PASSWORD = 'correct horse';

/** Somebody with an account and a session. */
export class Account {
  constructor(url, { fullName, email, _id }, token) {
    Object.assign(this, { url, name: fullName, email, id: _id, token });
  }

  static async signsUp(url, fullName, email = `${fullName.split(' ')[0].toLowerCase()}-${randomUUID().slice(0, 8)}@example.org`) {
    const response = await fetch(`${url}/api/auth/signup`, said('POST', { fullName, email, password: PASSWORD }));
    const body = await response.json();
    assert.equal(response.status, 201, JSON.stringify(body));
    return new Account(url, body, /jwt=([^;]+)/.exec(response.headers.get('set-cookie'))[1]);
  }

  /** Resolves with the answer's body. */
  async asks(method, path, body) {
    const response = await fetch(this.url + path, said(method, body, { authorization: `Bearer ${this.token}` }));
    const answer = await response.json();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  sends(receiver, text, image) {
    return this.asks('POST', `/api/messages/send/${receiver.id}`, { text, image });
  }

  /** Everything that the two said, the oldest first. */
  async textsWith(other) {
    return (await this.asks('GET', `/api/messages/${other.id}`)).map(({ text }) => text);
  }

  /** Waits until the hub has taken in as many texts of the two as these, which must be these. */
  async has(other, wanted, ms = 10_000) {
    let stored;
    const enough = async () => (stored = await this.textsWith(other)).length >= wanted.length;
    await until(enough, ms, () => `${wanted.length} texts are stored, but ${JSON.stringify(stored)}`);
    assert.deepEqual(stored, wanted);
  }
}

function said(method, body, headers = {}) {
  const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { ...headers, 'content-type': 'application/json' } };
  return { method, headers, ...content, signal: AbortSignal.timeout(15_000) };
}
