// Images in an S3-compatible bucket: hubbub's own client of it, real requests with real signatures.
import { after, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import S3rver from 's3rver';
import { Node } from './support/node.mjs';
import { closeAllTabs } from './support/tab.mjs';
import { User } from './support/user.mjs';

const BUCKET = 'hubbub-images';
const PREFIX = 'some/prefix';
// The only one that s3rver knows.
const KEY = { id: 'S3RVER', secret: 'S3RVER' };

// One pixel each.
const IMAGES = [
  { type: 'image/png', base64: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==' },
  { type: 'image/gif', base64: 'R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=' },
];

const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/** Whether a request carries the signature (AWS version 4) that our key makes of it: s3rver does not look at it. */
function isSigned({ method, url, headers }) {
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d+\/[^/]+\/s3\/aws4_request), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/;
  const [, id, scope, names, signature] = pattern.exec(headers.authorization ?? '') ?? [];
  if (id !== KEY.id) return false;
  const { pathname, searchParams } = new URL(url, 'http://s3');
  searchParams.sort();
  const lines = names.split(';').map((name) => `${name}:${headers[name].trim()}\n`).join('');
  const canonical = [method, pathname, searchParams, lines, names, headers['x-amz-content-sha256']].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const key = scope.split('/').reduce(hmac, `AWS4${KEY.secret}`);
  return hmac(key, ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, digest].join('\n')).toString('hex') === signature;
}

/** An S3 that can go away and come back. Its port stays its own all the time, so that nobody else can answer there. */
class Bucket {
  #folder;
  #server;
  #away = false;
  #connections = new Set();

  constructor(folder) {
    this.#folder = folder;
  }

  async opens() {
    this.#server = new S3rver({
      address: '127.0.0.1',
      port: 0,
      directory: this.#folder,
      silent: true,
      vhostBuckets: false,
      configureBuckets: [{ name: BUCKET }],
    });
    this.#server.middleware.unshift((ctx, next) => {
      if (isSigned(ctx.req)) return next();
      ctx.status = 403;
      ctx.body = '<Error><Code>SignatureDoesNotMatch</Code></Error>';
    });
    const { port } = await this.#server.run();
    this.endpoint = `http://127.0.0.1:${port}`;
    this.#server.httpServer.on('connection', (connection) => {
      if (this.#away) return connection.destroy();
      this.#connections.add(connection);
      connection.on('close', () => this.#connections.delete(connection));
    });
  }

  goesAway() {
    this.#away = true;
    this.#connections.forEach((connection) => connection.destroy());
  }

  comesBack() {
    this.#away = false;
  }

  /** What is stored under a key. */
  holds(key) {
    return readFile(join(this.#folder, BUCKET, `${key}._S3rver_object`));
  }

  async closes() {
    this.goesAway();
    await this.#server?.close();
  }
}

function settings(bucket) {
  return {
    PORT: '0',
    OPS_PORT: '0',
    HUBBUB__HTTP__HOST: '127.0.0.1',
    HUBBUB__OPS__HOST: '127.0.0.1',
    HUBBUB__MEDIA__URL: `s3://${BUCKET}/${PREFIX}`,
    HUBBUB__MEDIA__S3_ENDPOINT: bucket.endpoint,
    AWS_ACCESS_KEY_ID: KEY.id,
    AWS_SECRET_ACCESS_KEY: KEY.secret,
  };
}

const sendsImage = (user, node, receiver, image, clientId = randomUUID()) =>
  user.asks(node, 'POST', `/api/messages/send/${receiver.id}`, { text: '', image, clientId });

const fetches = (node, path) => fetch(node.url + path, { signal: AbortSignal.timeout(20_000) });

describe('with images in S3', () => {
  let folder, bucket, hub, ann, bob;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubbub-s3-'));
    bucket = new Bucket(join(folder, 'bucket'));
    await bucket.opens();
    hub = await Node.start(settings(bucket), folder);
    [ann, bob] = [await User.signsUp(hub, 'ann'), await User.signsUp(hub, 'bob')];
  }, { timeout: 60_000 });

  after(async () => {
    closeAllTabs();
    const unasked = await hub?.kill();
    await bucket?.closes();
    await rm(folder, { recursive: true, force: true });
    assert.equal(unasked, undefined, `the hub ended by itself:\n${hub?.log}`);
  }, { timeout: 60_000 });

  beforeEach(() => bucket.comesBack());

  for (const { type, base64 } of IMAGES) {
    test(`an ${type} is stored under the prefix and fetched byte for byte`, async () => {
      const tab = await bob.connects(hub);
      const { status, body } = await sendsImage(ann, hub, bob, `data:${type};base64,${base64}`);
      assert.equal(status, 201, JSON.stringify(body));
      await tab.shows(body);
      const served = await fetches(hub, body.image);
      assert.equal(served.status, 200);
      assert.equal(served.headers.get('content-type'), type);
      assert.equal(Buffer.from(await served.arrayBuffer()).toString('base64'), base64);
      const stored = await bucket.holds(`${PREFIX}/${basename(body.image)}`);
      assert.equal(stored.toString('base64'), base64);
      tab.close();
    });
  }

  test('an image that the bucket does not hold is 404, not an outage', async () => {
    const { status } = await fetches(hub, '/media/0192f0c12b3c7def8123456789abcdef.png');
    assert.equal(status, 404);
  });

  test('while S3 is away images are answered 503 and texts go on, and a retry succeeds when it is back', async () => {
    const image = `data:${IMAGES[0].type};base64,${IMAGES[0].base64}`;
    const before = (await sendsImage(ann, hub, bob, image)).body;
    bucket.goesAway();

    const clientId = randomUUID();
    const refused = await sendsImage(ann, hub, bob, image, clientId);
    assert.equal(refused.status, 503, JSON.stringify(refused.body));
    assert.equal(refused.body.code, 'unavailable');
    assert.equal(typeof refused.body.message, 'string');
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    assert.equal((await fetches(hub, before.image)).status, 503);
    const text = await ann.sends(hub, bob, 'texts go on');

    bucket.comesBack();
    const retried = await sendsImage(ann, hub, bob, image, clientId);
    assert.equal(retried.status, 201, JSON.stringify(retried.body));
    assert.equal((await fetches(hub, retried.body.image)).status, 200);
    const { body: history } = await bob.asks(hub, 'GET', `/api/messages/${ann.id}`);
    assert.deepEqual(history.slice(-3).map(({ _id }) => _id), [before._id, text._id, retried.body._id]);
  });

  test('a hub starts and takes texts though S3 is away', async (t) => {
    bucket.goesAway();
    const own = await mkdtemp(join(folder, 'other-'));
    const other = await Node.start(settings(bucket), own);
    t.after(() => other.kill());
    const [cleo, dan] = [await User.signsUp(other, 'cleo'), await User.signsUp(other, 'dan')];
    await cleo.sends(other, dan, 'hello');
    assert.equal((await fetch(`${other.opsUrl}/ready`)).status, 200);
  });

  test('a wrong key for S3 is answered 503, tells the client nothing of it, and is logged without the key', async (t) => {
    const own = await mkdtemp(join(folder, 'other-'));
    const other = await Node.start({ ...settings(bucket), AWS_SECRET_ACCESS_KEY: 'not-the-key' }, own);
    t.after(() => other.kill());
    const [cleo, dan] = [await User.signsUp(other, 'cleo'), await User.signsUp(other, 'dan')];
    const { status, body } = await sendsImage(cleo, other, dan, `data:${IMAGES[0].type};base64,${IMAGES[0].base64}`);
    assert.equal(status, 503, JSON.stringify(body));
    assert.doesNotMatch(JSON.stringify(body), /signature|bucket|S3/i);
    assert.match(other.log, /SignatureDoesNotMatch/);
    assert.doesNotMatch(other.log, /not-the-key/);
  });
});
