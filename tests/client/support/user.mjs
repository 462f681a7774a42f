// A person with a session, who can be served by any node.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Tab } from './tab.mjs';

export class User {
  #account;

  constructor(account, profile, token) {
    this.#account = account;
    this.id = profile._id;
    this.token = token;
    this.cookie = `jwt=${token}`;
  }

  static async signsUp(node, name) {
    const account = { fullName: name, email: `${name}-${randomUUID().slice(0, 8)}@example.org`, password: 'correct horse' };
    const { status, body, token } = await request(node, 'POST', '/api/auth/signup', { body: account });
    assert.equal(status, 201, JSON.stringify(body));
    return new User(account, body, token);
  }

  /** The same person with another session. */
  async logsIn(node) {
    const { email, password } = this.#account;
    const { status, body, token } = await request(node, 'POST', '/api/auth/login', { body: { email, password } });
    assert.equal(status, 200, JSON.stringify(body));
    return new User(this.#account, body, token);
  }

  async logsOut(node) {
    const { status, body } = await this.asks(node, 'POST', '/api/auth/logout');
    assert.equal(status, 200, JSON.stringify(body));
  }

  /** A request with this session's cookie: `{status, body, headers}`. */
  asks(node, method, path, body) {
    return request(node, method, path, { body, headers: { cookie: this.cookie } });
  }

  /** Sends by REST; resolves with the message as it was answered. */
  async sends(node, receiver, text) {
    const { status, body } = await this.asks(node, 'POST', `/api/messages/send/${receiver.id}`, { text, image: null });
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  }

  /** A tab that carries the cookie, as a browser does; resolves when it is connected. */
  async connects(node, options = {}) {
    const tab = this.opens(node, options);
    await tab.connected();
    return tab;
  }

  opens(node, { extraHeaders, ...options } = {}) {
    return new Tab(node.url, { extraHeaders: { cookie: this.cookie, ...extraHeaders }, ...options });
  }
}

export async function request(node, method, path, { body, headers } = {}) {
  const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const response = await fetch(node.url + path, {
    method,
    ...content,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    signal: AbortSignal.timeout(15_000),
  });
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = text;
  }
  const token = response.headers.getSetCookie().map((cookie) => /^jwt=([^;]+)/.exec(cookie)?.[1]).find(Boolean);
  return { status: response.status, body: answer, headers: response.headers, token };
}
