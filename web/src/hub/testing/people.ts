// People with accounts, and the tabs that they open.
import { Api, Hub } from '..';
import type { Connection, HubEvents, HubOptions, Message, Outgoing, ReadMark, UserPresence } from '..';
import { until } from './wait';

/** A storage as a browser has it, for one test. */
export class TestStorage {
  readonly values: Map<string, string>;
  /** Characters that fit. */
  room = 5_000_000;

  constructor(values: Iterable<[string, string]> = []) {
    this.values = new Map(values);
  }

  getItem(key: string): string | null {
    return this.values.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    const size = [...this.values].reduce((sum, [name, text]) => (name === key ? sum : sum + name.length + text.length), 0);
    if (size + key.length + value.length > this.room) throw new Error('QuotaExceededError');
    this.values.set(key, value);
  }

  removeItem(key: string): void {
    this.values.delete(key);
  }
}

/** Somebody with an account and a session. */
export class Person {
  readonly id: string;
  readonly token: string;
  readonly api: Api;
  readonly email: string;
  readonly password: string;

  private constructor(id: string, token: string, account: { email: string; password: string }, url: string) {
    this.id = id;
    this.token = token;
    this.api = new Api({ url, token });
    this.email = account.email;
    this.password = account.password;
  }

  static async signsUp(url: string, fullName: string): Promise<Person> {
    const account = { email: `${crypto.randomUUID()}@example.org`, password: 'correct horse' };
    return Person.#enters(url, '/api/auth/signup', account, { fullName, ...account });
  }

  /** Another session of the same person. */
  logsIn(url: string): Promise<Person> {
    const account = { email: this.email, password: this.password };
    return Person.#enters(url, '/api/auth/login', account, account);
  }

  static async #enters(url: string, path: string, account: { email: string; password: string }, body: object): Promise<Person> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const { _id } = (await response.json()) as { _id: string };
    const token = response.headers.getSetCookie().map((cookie) => /^jwt=([^;]+)/.exec(cookie)?.[1]).find(Boolean);
    if (!response.ok || token === undefined) throw new Error(`${path}: ${response.status}`);
    return new Person(_id, token, account, url);
  }

  sends(to: Person, text: string): Promise<Message> {
    return this.api.send(to.id, { text });
  }
}

const open = new Set<Tab>();

/** Closes what a test opened. */
export function closeTabs(): void {
  open.forEach((tab) => tab.hub.stop());
  open.clear();
}

/** A tab: a hub client that writes down what it is told. */
export class Tab {
  readonly hub: Hub;
  readonly states: Connection[] = [];
  readonly messages: Message[] = [];
  readonly reads: ReadMark[] = [];
  readonly resets: string[] = [];
  readonly people: UserPresence[] = [];
  readonly typing: string[] = [];
  /** All events, by name, in the order in which they came; an outbox with how much is in it. */
  readonly log: string[] = [];

  constructor(url: string, person: Person, options: Partial<HubOptions> = {}) {
    this.hub = new Hub({ url, user: person.id, token: person.token, storage: new TestStorage(), ...options });
    const note = <E extends keyof HubEvents>(event: E, say: (...args: Parameters<HubEvents[E]>) => string): void => {
      const listener = (...args: Parameters<HubEvents[E]>): void => void this.log.push(say(...args));
      this.hub.on(event, listener as HubEvents[E]);
    };
    this.hub.on('connection', (state) => this.states.push(state));
    this.hub.on('message', (message) => this.messages.push(message));
    this.hub.on('read', (mark) => this.reads.push(mark));
    this.hub.on('reset', (reason) => this.resets.push(reason));
    this.hub.on('presence', (people) => this.people.push(...people));
    this.hub.on('typing', (userId) => this.typing.push(userId));
    note('message', ({ text }) => `message ${text}`);
    note('outbox', (outbox) => `outbox ${outbox.length}`);
    note('reset', (reason) => `reset ${reason}`);
    open.add(this);
  }

  /** Opens a tab; resolves when it is live. */
  static async opens(url: string, person: Person, options: Partial<HubOptions> = {}): Promise<Tab> {
    const tab = new Tab(url, person, options);
    tab.hub.start();
    await tab.live();
    return tab;
  }

  get texts(): (string | undefined)[] {
    return this.messages.map(({ text }) => text);
  }

  live(): Promise<void> {
    return this.is('live');
  }

  is(state: Connection): Promise<void> {
    return until(() => this.hub.connection === state, `connection is ${state}, not ${this.hub.connection}`);
  }

  async shows(...texts: string[]): Promise<void> {
    await until(() => this.texts.length >= texts.length, `messages ${texts}`).catch(() => undefined);
    if (this.texts.join() !== texts.join()) throw new Error(`shows ${this.texts}, not ${texts}`);
  }

  /** Waits for a message on its way. */
  async outgoing(fits: (outgoing: Outgoing) => boolean): Promise<Outgoing> {
    await until(() => this.hub.outbox.some(fits), 'such a message in the outbox');
    const found = this.hub.outbox.find(fits);
    if (!found) throw new Error('gone again');
    return found;
  }

  emptied(): Promise<void> {
    return until(() => this.hub.outbox.length === 0, 'an empty outbox');
  }
}
