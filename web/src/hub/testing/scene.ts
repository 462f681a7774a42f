// What most tests begin with.
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { FaultyApi } from './faulty';
import { TestNode } from './node';
import { closeTabs, Person } from './people';
import { Proxy } from './proxy';

/** A hub of the file's own; people and a network before it that can be cut, new for each test. */
export let node: TestNode;
export let alice: Person;
export let bob: Person;
export let carol: Person;
export let network: Proxy;

/** Sets the scene for all tests of a file; `settings` are those of the hub. */
export function scene(settings: Record<string, string> = {}): void {
  vi.setConfig({ testTimeout: 20_000 });
  beforeAll(async () => {
    node = await TestNode.start(settings);
  });
  afterAll(() => node.stop());
  beforeEach(async () => {
    const { url } = node;
    const people = [Person.signsUp(url, 'Alice'), Person.signsUp(url, 'Bob'), Person.signsUp(url, 'Carol')] as const;
    [alice, bob, carol, network] = await Promise.all([...people, Proxy.to(url)]);
  });
  afterEach(() => {
    closeTabs();
    network.close();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
}

/** Somebody's REST, that goes wrong as a test wants. */
export function faulty(person: Person): FaultyApi {
  return new FaultyApi({ url: node.url, token: person.token });
}

/** The texts that somebody finds in a conversation. */
export async function history(of: Person, other: Person): Promise<(string | undefined)[]> {
  return (await of.api.history(other.id)).items.map(({ text }) => text);
}
