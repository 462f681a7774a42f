// What k8s/load-balancers/nginx.conf does with single requests.
import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../../client/faults/ending.mjs';
import { until } from '../../client/faults/program.mjs';
import { answers, Backend, diesUnanswered } from './backend.mjs';
import { Nginx } from './nginx.mjs';

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';
const IN_SESSION = `${HANDSHAKE}&sid=abc`;
const SEND = '/api/messages/send/somebody';

describe('nginx.conf', () => {
  let folder, backends, nginx;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubbub-rules-'));
    backends = await Promise.all([1, 2, 3].map(() => Backend.start(answers(200))));
    nginx = await Nginx.start(backends, { folder });
  });
  after(async () => {
    await nginx?.stop();
    backends?.forEach((backend) => backend.stop());
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    allAnswer(answers(200));
    forgets();
    // It comes back to a node some seconds after it failed.
    await until(async () => (await asks('/')) && backends.every(({ requests }) => requests.length > 0), 20_000, () => 'all are asked again');
    forgets();
  });

  async function asks(path, { method = 'GET', headers } = {}) {
    const body = method === 'GET' ? undefined : '{}';
    const response = await fetch(nginx.url + path, { method, headers, body, signal: AbortSignal.timeout(15_000) });
    await response.text();
    return { status: response.status, cookie: response.headers.getSetCookie()[0] };
  }
  const cameIn = () => backends.flatMap(({ requests }) => requests);
  const allAnswer = (handler) => backends.forEach((backend) => (backend.answers = handler));
  const forgets = () => backends.forEach((backend) => (backend.requests = []));

  test('a mistake in it would be seen', async () => {
    const config = join(folder, 'broken.conf');
    await writeFile(config, 'events {}\nhttp { server { listen 127.0.0.1:1; proxy_read_timeout soon; } }\n');

    assert.match(await Nginx.faults(config, folder), /invalid value/);
  });

  for (const [what, first] of [['dies before it answers', diesUnanswered], ['answers 503', answers(503)]]) {
    test(`a handshake is tried on another node when one ${what}`, { timeout: 30_000 }, async () => {
      backends[0].answers = first;

      for (let i = 0; i < 12; i += 1) assert.equal((await asks(HANDSHAKE)).status, 200);
      await until(async () => (await asks(HANDSHAKE)).status === 200 && backends[0].requests.length > 0, 10_000, () => 'it was asked');
    });
  }

  for (const [what, path] of [['a message', SEND], ['what a session sends', IN_SESSION]]) {
    test(`${what} that a node took before it died is never sent twice`, { timeout: 30_000 }, async () => {
      allAnswer(diesUnanswered);

      assert.equal((await asks(path, { method: 'POST' })).status, 502);
      assert.equal(cameIn().length, 1);
    });

    test(`${what} that is answered 503 is not sent twice`, { timeout: 30_000 }, async () => {
      allAnswer(answers(503));

      assert.equal((await asks(path, { method: 'POST' })).status, 503);
      assert.equal(cameIn().length, 1);
    });
  }

  test('a client stays on its node, and is told so once', async () => {
    const { cookie } = await asks(HANDSHAKE);
    assert.match(cookie, /^hubnode=[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Lax$/);
    const node = backends.find(({ requests }) => requests.length > 0);
    forgets();

    for (let i = 0; i < 10; i += 1) assert.equal((await asks(IN_SESSION, { headers: { cookie: cookie.split(';')[0] } })).cookie, undefined);

    assert.equal(node.requests.length, 10);
  });

  test('what a client says of itself is replaced', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' };

    await asks(SEND, { method: 'POST', headers });

    const [request] = cameIn();
    assert.equal(request.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(request.headers['x-forwarded-proto'], 'http');
  });
});
