// What k8s/load-balancers/haproxy.cfg does with single requests.
import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../../client/faults/ending.mjs';
import { answers, Backend, diesUnanswered } from './backend.mjs';
import { CONFIG, HAProxy, nodesIn } from './haproxy.mjs';

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';
const IN_SESSION = `${HANDSHAKE}&sid=abc`;
const SEND = '/api/messages/send/somebody';

describe('haproxy.cfg', () => {
  let folder, backends, haproxy;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubbub-rules-'));
    backends = await Promise.all([1, 2, 3].map(() => Backend.start(answers(200))));
    haproxy = await HAProxy.start(backends, { folder });
    await haproxy.sees(3);
  });
  after(async () => {
    await haproxy?.stop();
    backends?.forEach((backend) => backend.stop());
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    backends.forEach((backend) => Object.assign(backend, { answers: answers(200), requests: [], ready: true }));
    await haproxy.sees(3);
  });

  async function asks(path, { method = 'GET', headers } = {}) {
    const body = method === 'GET' ? undefined : '{}';
    let response;
    try {
      response = await fetch(haproxy.url + path, { method, headers, body, signal: AbortSignal.timeout(15_000) });
      await response.text();
    } catch (error) {
      // On a connection that had requests before, HAProxy says nothing, so that the client decides whether to try again.
      if (error.cause?.code === 'UND_ERR_SOCKET') return { status: 0 };
      throw error;
    }
    const cookie = response.headers.getSetCookie().find((cookie) => cookie.startsWith('HUBNODE='));
    return { status: response.status, cookie };
  }
  const cameIn = () => backends.flatMap(({ requests }) => requests);
  const allAnswer = (handler) => backends.forEach((backend) => (backend.answers = handler));
  /** The cookie that leads to a backend, as a browser sends it. */
  async function cookieTo(backend) {
    for (let i = 0; i < 30; i += 1) {
      const count = backend.requests.length;
      const { cookie } = await asks(HANDSHAKE);
      if (backend.requests.length > count) return cookie.split(';')[0];
    }
    throw new Error('nothing went to that backend');
  }

  test('is valid without a warning, with nodes and with a Service', async () => {
    const common = { HUBBUB_BIND: ':8080', HUBBUB_METRICS_BIND: ':9101', HUBBUB_COOKIE_KEY: 'k' };

    assert.equal(await HAProxy.faults({ ...common, ...nodesIn(backends) }), '');
    assert.equal(await HAProxy.faults({ ...common, HUBBUB_SERVICE: 'hubbub.example' }), '');
    assert.equal(await HAProxy.faults({ ...common, HUBBUB_SERVICE: 'hubbub.example', HUBBUB_NAMESERVER: '127.0.0.1:53' }), '');
    assert.notEqual(await HAProxy.faults({ ...common, ...nodesIn(backends), HUBBUB_COOKIE_SAME_SITE: 'Lax;' }), '', 'control: it does look');
    assert.equal(await HAProxy.faults({ ...common, ...nodesIn(backends), HUBBUB_COOKIE_SAME_SITE: 'None', HUBBUB_COOKIE_SECURE: '1' }), '');
    assert.notEqual(await HAProxy.faults({}, CONFIG), '', 'control: nothing is set');
  });

  for (const [what, first] of [['dies before it answers', diesUnanswered], ['answers 503', answers(503)]]) {
    test(`a handshake is tried on another node when one ${what}`, async () => {
      // One, not two: the retry is sure to avoid the node that it comes from, but not the one before.
      backends[0].answers = first;

      for (let i = 0; i < 9; i += 1) assert.equal((await asks(HANDSHAKE)).status, 200);

      assert.ok(backends[0].requests.length > 0, 'it was not even asked');
    });
  }

  test('so is that of a client who has been there before, as when a node sheds', async () => {
    const cookie = await cookieTo(backends[0]);
    backends[0].answers = answers(503, { 'set-cookie': 'HUBNODE=; Path=/; Max-Age=0' });
    backends.forEach((backend) => (backend.requests = []));

    const moved = await asks(HANDSHAKE, { headers: { cookie } });

    assert.equal(backends[0].requests.length, 1);
    assert.equal(moved.status, 200);
    assert.match(moved.cookie, /^HUBNODE=[0-9a-f]+;/);
    assert.notEqual(moved.cookie.split(';')[0], cookie);
  });

  for (const [what, path, method] of [
    ['a message', SEND, 'POST'],
    ['what a session sends', IN_SESSION, 'POST'],
    ['a poll', IN_SESSION, 'GET'],
    ['a POST that looks like a handshake', HANDSHAKE, 'POST'],
  ]) {
    test(`${what} that a node took before it died is never sent twice`, async () => {
      allAnswer(diesUnanswered);

      const { status } = await asks(path, { method });

      assert.ok([0, 502].includes(status), String(status));
      assert.equal(cameIn().length, 1);
    });

    test(`${what} that is answered 503 is not sent twice`, async () => {
      allAnswer(answers(503));

      assert.equal((await asks(path, { method })).status, 503);
      assert.equal(cameIn().length, 1);
    });
  }

  test('a client stays on its node, and is told so once', async () => {
    const cookie = await cookieTo(backends[1]);
    const count = backends[1].requests.length;

    for (let i = 0; i < 10; i += 1) assert.equal((await asks(IN_SESSION, { headers: { cookie } })).cookie, undefined);

    assert.equal(backends[1].requests.length, count + 10);
  });

  test('the cookie names no address and is not for scripts', async () => {
    const { cookie } = await asks(HANDSHAKE);

    assert.match(cookie, /^HUBNODE=[0-9a-f]{16}; path=\/; HttpOnly; SameSite=Lax$/);
  });

  test('when a node is not ready, its sessions stay and its clients with nothing but the cookie go', async () => {
    const cookie = await cookieTo(backends[2]);
    backends[2].ready = false;
    await haproxy.sees(2);
    backends.forEach((backend) => (backend.requests = []));

    const handshake = await asks(HANDSHAKE, { headers: { cookie } });
    assert.equal(backends[2].requests.length, 0);
    assert.match(handshake.cookie ?? '', /^HUBNODE=[0-9a-f]+;/, 'it is told where it is now');

    await asks(IN_SESSION, { headers: { cookie } });
    await asks(IN_SESSION, { headers: { cookie }, method: 'POST' });
    assert.equal(backends[2].requests.length, 2);
  });

  test('a node ends the stickiness of a client by setting the cookie itself', async () => {
    const cookie = await cookieTo(backends[0]);
    const forgets = 'HUBNODE=; Path=/; Max-Age=0';
    backends[0].answers = answers(200, { 'set-cookie': forgets });

    const told = await asks(IN_SESSION, { headers: { cookie } });

    assert.equal(told.cookie, forgets);
  });

  test('what a client says of itself is replaced', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' };

    await asks(SEND, { method: 'POST', headers });

    const [request] = cameIn();
    assert.equal(request.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(request.headers['x-forwarded-proto'], 'http');
  });
});
