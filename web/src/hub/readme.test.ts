import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { chat } from './testing/example';
import { TestNode } from './testing/node';
import { Person, TestStorage } from './testing/people';
import { Proxy } from './testing/proxy';
import { until } from './testing/wait';

vi.setConfig({ testTimeout: 20_000 });

let node: TestNode;

beforeAll(async () => {
  node = await TestNode.start();
});

afterAll(async () => {
  vi.unstubAllGlobals();
  await node.stop();
});

test('the example of the README is the one that is compiled and run here', async () => {
  const [readme, example] = await Promise.all(
    ['README.md', 'testing/example.ts'].map((file) => readFile(new URL(file, import.meta.url), 'utf8')),
  );
  expect(/```ts\n([\s\S]*?)```/.exec(readme ?? '')?.[1]).toBe(example?.replace("'..'", "'./hub'"));
});

test('the example of the README shows what there is, and chats', async () => {
  const [alice, bob, network] = await Promise.all([
    Person.signsUp(node.url, 'Alice'),
    Person.signsUp(node.url, 'Bob'),
    Proxy.to(node.url),
  ]);
  await bob.sends(alice, 'hello Alice');
  // A page of the hub's own origin: paths without a host, and the cookie with each request.
  const { fetch } = globalThis;
  const cookie = `jwt=${alice.token}`;
  vi.stubGlobal('fetch', (path: string, init: RequestInit) =>
    fetch(new URL(path, node.url), { ...init, headers: [...new Headers(init.headers), ['cookie', cookie]] }),
  );
  network.header = `cookie: ${cookie}`;
  vi.stubGlobal('location', { origin: network.url });
  vi.stubGlobal('localStorage', new TestStorage());
  const shown = new Map<string, string | undefined>();

  const send = await chat(alice.email, alice.password, ({ _id, text }) => shown.set(_id, text));
  send(bob.id, 'hello Bob');

  await until(() => shown.size === 2, 'both messages');
  expect([...shown.values()]).toEqual(['hello Alice', 'hello Bob']);
  network.close();
});
