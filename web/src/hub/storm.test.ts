// Two people write to each other while their networks break and their pages reload at random.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Message } from '.';
import { TestNode } from './testing/node';
import { closeTabs, Person, Tab, TestStorage } from './testing/people';
import { Proxy } from './testing/proxy';
import { until } from './testing/wait';

vi.setConfig({ testTimeout: 60_000 });

const STEPS = 150;

let node: TestNode;

beforeAll(async () => {
  node = await TestNode.start({ HUBBUB__LIMITS__SEND__BURST: '0', HUBBUB__LIMITS__HANDSHAKE__BURST: '0' });
});

afterAll(() => node.stop());

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Somebody with one browser, whose pages come and go. */
class Player {
  readonly pages: Tab[] = [];
  readonly sent: string[] = [];
  readonly storage = new TestStorage();

  constructor(
    readonly person: Person,
    readonly network: Proxy,
  ) {
    this.opens();
  }

  opens(): void {
    const page = new Tab(this.network.url, this.person, { storage: this.storage });
    page.hub.start();
    this.pages.push(page);
  }

  get page(): Tab {
    const page = this.pages.at(-1);
    if (!page) throw new Error('no page');
    return page;
  }

  reloads(): void {
    this.page.hub.stop();
    this.opens();
  }

  sends(to: Player, text: string): void {
    this.sent.push(text);
    this.page.hub.send({ receiverId: to.person.id, text });
  }

  heard(from: Player): Message[] {
    return this.pages.flatMap((page) => page.messages.filter(({ senderId }) => senderId === from.person.id));
  }
}

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));

test(`nothing is lost, doubled or out of order (SEED=${seed})`, async () => {
  const roll = dice(seed);
  const [one, two] = await Promise.all(
    ['One', 'Two'].map(async (name) => new Player(await Person.signsUp(node.url, name), await Proxy.to(node.url))),
  );
  if (!one || !two) throw new Error('nobody');
  const players: [Player, Player][] = [
    [one, two],
    [two, one],
  ];
  // Without a position there is nothing to resume from.
  await until(() => players.every(([{ person, storage }]) => storage.values.has(`hubbub:${person.id}:position`)), 'positions');

  for (let step = 0; step < STEPS; step += 1) {
    const [player, other] = players[roll() < 0.5 ? 0 : 1] ?? [one, two];
    const what = roll();
    if (what < 0.6) player.sends(other, `${step}`);
    else if (what < 0.7) player.network.drop();
    else if (what < 0.75) player.network.cut();
    else if (what < 0.85) player.network.heal();
    else if (what < 0.95) player.page.hub.reconnect();
    else player.reloads();
    await new Promise((later) => setTimeout(later, roll() * 30));
  }
  for (const [player] of players) {
    player.network.heal();
    player.page.hub.reconnect();
  }

  for (const [player, other] of players) {
    await player.page.emptied();
    await until(() => other.heard(player).length >= player.sent.length, 'everything is told', 15_000);
  }
  const all = (await one.person.api.history(two.person.id, { limit: 1_000 })).items;
  for (const [player, other] of players) {
    const from = ({ senderId }: Message): boolean => senderId === player.person.id;
    expect(all.filter(from).map(({ text }) => text)).toEqual(player.sent);
    expect(other.heard(player).map(({ text }) => text)).toEqual(player.sent);
    const own = player.heard(player).map(({ text }) => text);
    expect(new Set(own)).toEqual(new Set(player.sent));
    for (const page of player.pages) expect(new Set(page.messages.map(({ _id }) => _id)).size).toBe(page.messages.length);
  }
  closeTabs();
  players.forEach(([{ network }]) => network.close());
});
