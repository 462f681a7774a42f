#!/usr/bin/env node
// load.mjs [--seconds 35] [--people 20] [--forwards] URL...: people with stock clients on all nodes (or load balancers) at these public URLs talk to each
// other, lose their connections and come back; some do wrong things. So every kind of thing that is counted is counted. Fails if a
// message isn't shown exactly once in each tab of both people. --forwards: polls that reach a wrong node must be answered, too. Turn the
// nodes' limits off: everybody comes from one address.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Tab, closeAllTabs } from '../../client/support/tab.mjs';
import { User, request } from '../../client/support/user.mjs';
import { until } from './prometheus.mjs';

const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const TRANSPORTS = [['polling', 'websocket'], ['websocket'], ['polling']];

/** One person with a tab, who remembers what it was told. */
class Person {
  shown = new Map(); // message id -> how often
  expected = new Set();

  static async arrives(nodes, i) {
    const person = new Person();
    person.node = nodes[i % nodes.length];
    person.user = await User.signsUp(person.node, `load-${i}`);
    person.tab = await person.user.connects(person.node, { transports: TRANSPORTS[i % TRANSPORTS.length] });
    person.tab.socket.on('newMessage', ({ _id }) => person.shown.set(_id, (person.shown.get(_id) ?? 0) + 1));
    return person;
  }

  async sends(receiver, text, bySocket) {
    const draft = { text, clientId: randomUUID() };
    const message = bySocket ? await this.#emits(receiver, draft) : await this.#posts(receiver, draft);
    for (const person of [this, receiver]) person.expected.add(message._id);
    return { message, draft };
  }

  /** The network fails; the client comes back by itself, after `meanwhile`, and says where it was. */
  async comesBack(meanwhile) {
    const { socket } = this.tab;
    socket.io.engine.close();
    await meanwhile();
    await until(() => socket.connected, 20_000, 'a client comes back');
  }

  async #posts(receiver, draft) {
    const { status, body } = await this.user.asks(this.node, 'POST', `/api/messages/send/${receiver.user.id}`, draft);
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  }

  async #emits(receiver, draft) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { ok, message, error } = await this.tab.asks('sendMessage', { receiverId: receiver.user.id, ...draft });
        assert.ok(ok, JSON.stringify(error));
        return message;
      } catch (error) {
        // Whether it was stored is unknown; with the same clientId it is stored once.
        if (attempt === 5 || !/socket has been disconnected|timed out/.test(error.message)) throw error;
      }
    }
  }

  /** What is missing or came twice. */
  faults() {
    const missing = [...this.expected].filter((id) => !this.shown.has(id));
    const wrong = [...this.shown].filter(([id, times]) => times > 1 || !this.expected.has(id));
    return [...missing.map((id) => `${id} is missing`), ...wrong.map(([id, times]) => `${id} was shown ${times} times`)];
  }
}

/** What people do wrong, or seldom; everything is answered as it should be. */
async function oddities(people, nodes) {
  const [alice, bob] = people;
  const expects = async (status, asked) => assert.equal((await asked).status, status);
  const logIn = { email: `nobody-${randomUUID()}@example.org`, password: 'not this one' };
  await expects(400, request(nodes[0], 'POST', '/api/auth/login', { body: logIn }));
  await expects(401, request(nodes[0], 'GET', '/api/auth/check'));
  await expects(404, alice.user.asks(alice.node, 'POST', `/api/messages/send/${randomUUID()}`, { text: 'to nobody' }));
  await expects(400, alice.user.asks(alice.node, 'POST', `/api/messages/send/${bob.user.id}`, { image: `${PNG.slice(0, 60)}AAAA` }));
  for (const path of ['/api/messages/contacts', '/api/messages/chats', '/api/sync', `/api/messages/${bob.user.id}`]) {
    await expects(200, alice.user.asks(alice.node, 'GET', path));
  }
  const picture = await alice.user.asks(alice.node, 'POST', `/api/messages/send/${bob.user.id}`, { image: PNG });
  assert.equal(picture.status, 201, JSON.stringify(picture.body));
  for (const person of [alice, bob]) person.expected.add(picture.body._id);

  // The same again: one message, and nobody is told twice.
  const { message, draft } = await alice.sends(bob, 'once');
  const again = await alice.user.asks(alice.node, 'POST', `/api/messages/send/${bob.user.id}`, draft);
  assert.equal(again.body._id, message._id);
  assert.ok((await bob.tab.asks('messagesRead', { userId: alice.user.id, upTo: message._id })).ok);

  const stranger = new Tab(nodes[0].url, { auth: { token: 'none of yours' } });
  await stranger.refused();
  stranger.close();
  // A client that takes changes of who is online, and watches somebody; and somebody who is typing.
  const aware = await alice.user.connects(alice.node, { auth: { presence: 'diff' } });
  assert.ok((await aware.asks('presence:watch', { userIds: [bob.user.id] })).ok);
  for (const typing of [true, false]) assert.ok((await bob.tab.asks('typing', { receiverId: alice.user.id, typing })).ok);
  aware.close();

  // From a log that is not theirs: told to load everything.
  const lost = await alice.user.connects(alice.node, { auth: { since: '1.1000000' } });
  lost.close();
}

/** A polling client whose requests are spread over two nodes, as without sticky sessions: one holds its session, the other forwards. */
async function wanders(user, [first, second]) {
  const ask = (node, query, body) => {
    const method = body === undefined ? 'GET' : 'POST';
    const url = `${node.url}/socket.io/?EIO=4&transport=polling${query}`;
    return fetch(url, { method, body, headers: { cookie: user.cookie }, signal: AbortSignal.timeout(15_000) });
  };
  const { sid } = JSON.parse((await (await ask(first, '')).text()).slice(1));
  for (const body of ['40', undefined, '1']) {
    const answer = await ask(second, `&sid=${sid}`, body);
    assert.equal(answer.status, 200, `a poll through another node: ${await answer.text()}`);
  }
}

/** Puts load on these nodes, `[{url}]`; resolves with what was done. */
export async function load(nodes, { seconds = 35, people: count = 20, forwards = false } = {}) {
  const people = [];
  try {
    // One after the other: a password hash takes a core.
    for (let i = 0; i < count; i += 1) people.push(await Person.arrives(nodes, i));
    return await talks(people, nodes, seconds, forwards);
  } finally {
    closeAllTabs();
  }
}

async function talks(people, nodes, seconds, forwards) {
  const end = performance.now() + seconds * 1000;
  const some = (list) => list[Math.floor(Math.random() * list.length)];
  const others = (person) => people.filter((other) => other !== person);
  let sent = 0;
  let returns = 0;

  const talk = async (person, i) => {
    for (let n = 0; performance.now() < end; n += 1) {
      await person.sends(some(others(person)), `${i}.${n}`, n % 2 === 0);
      sent += 1;
      await pause(100 + Math.random() * 200);
    }
  };
  const losses = async () => {
    while (performance.now() < end) {
      const person = some(people);
      // It misses something meanwhile, or nothing.
      await person.comesBack(async () => (returns % 3 ? some(others(person)).sends(person, 'while you were away') : undefined));
      returns += 1;
      await pause(500);
    }
  };
  const mistakes = async () => {
    while (performance.now() < end) {
      await oddities(people, nodes);
      if (forwards) await wanders(people[0].user, nodes);
      await pause(5_000);
    }
  };
  await Promise.all([...people.map(talk), losses(), mistakes()]);
  const faults = () => people.flatMap((person) => person.faults());
  await until(() => faults().length === 0, 15_000, 'every message is shown once').catch((error) => {
    throw new Error(`${error.message}:\n${faults().slice(0, 10).join('\n')}`);
  });
  const messages = new Set(people.flatMap((person) => [...person.expected])).size;
  return { people: people.length, messages, sent, returns };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const options = {
    seconds: { type: 'string', default: '35' },
    people: { type: 'string', default: '20' },
    forwards: { type: 'boolean', default: false },
  };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  assert.ok(positionals.length > 0, 'usage: load.mjs [--seconds 35] [--people 20] [--forwards] URL...');
  const nodes = positionals.map((url) => ({ url: url.replace(/\/$/, '') }));
  const { seconds, people, forwards } = values;
  console.log(JSON.stringify(await load(nodes, { seconds: Number(seconds), people: Number(people), forwards })));
}
