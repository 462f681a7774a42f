// A process full of people with a socket each. Its first order is `{urls, kind, people: [{id, token, partners}], ids}`; `people` may have
// holes, those that other processes play. Then, each with an answer:
//   {open: [[person, node], …]}   they connect, at once, and again whenever they are dropped
//   {cut: [person, …]}            their sockets end without a word
//   {counts: true}                what came so far, and who is connected
//   {check: {offline, scope}}     how wrong they are about who is online
import { createInterface } from 'node:readline';
import { Belief, TELLS, judge } from './belief.mjs';
import { open } from './socket.mjs';

const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
const { urls, kind, people, ids } = JSON.parse((await lines.next()).value);
const EVENT = Buffer.from('42["');
const QUOTE = 0x22;

/** ms until a stock client tries again, about, after so many times in vain. */
const pause = (times) => Math.min(1_000 * 2 ** times, 5_000) * (0.5 + Math.random());

const there = new Map(); // person -> {socket, belief, changedAt}, from the moment when they try
const came = { messages: 0, bytes: 0, events: Object.fromEntries(TELLS.map((event) => [event, { messages: 0, bytes: 0 }])) };
const dropped = { times: 0, why: '' }; // sockets that ended without being asked to
const last = { connected: 0, told: 0 };
let connected = 0;

function hear(client, payload) {
  came.messages += 1;
  came.bytes += payload.length;
  if (payload.length < 8 || EVENT.compare(payload, 0, EVENT.length) !== 0) return;
  const event = payload.toString('latin1', EVENT.length, payload.indexOf(QUOTE, EVENT.length));
  const counted = came.events[event];
  if (!counted) return;
  counted.messages += 1;
  counted.bytes += payload.length;
  last.told = Date.now();
  if (client.belief.hears(event, payload)) client.changedAt = last.told;
}

function enter(person, node, vain = 0) {
  const client = { belief: new Belief(), changedAt: 0, connected: false };
  const onConnected = () => {
    client.connected = true;
    connected += 1;
    last.connected = Date.now();
  };
  const ended = (why) => {
    if (client.connected) connected -= 1;
    if (there.get(person) !== client) return;
    Object.assign(dropped, { times: dropped.times + 1, why });
    client.again = setTimeout(() => enter(person, node, client.connected ? 0 : vain + 1), pause(vain));
  };
  const heard = (payload) => hear(client, payload);
  client.socket = open(urls[node], kind, people[person].token, { connected: onConnected, heard, ended });
  there.set(person, client);
}

function leave(person) {
  const client = there.get(person);
  there.delete(person);
  clearTimeout(client.again);
  client.socket.resetAndDestroy();
}

function check({ offline, scope }) {
  const gone = new Set(offline);
  const wrong = judge(new Set(ids.filter((_, person) => !gone.has(person))), scope);
  const found = { wrong: 0, changedAt: 0 };
  for (const [person, { belief, changedAt }] of there) {
    const { id, partners } = people[person];
    found.wrong += wrong(id, partners.map((partner) => ids[partner]), belief);
    found.changedAt = Math.max(found.changedAt, changedAt);
  }
  return found;
}

function obey(order) {
  order.open?.forEach(([person, node]) => enter(person, node));
  order.cut?.forEach(leave);
  if (order.check) return check(order.check);
  return order.counts ? { ...came, ...last, sockets: connected, dropped } : {};
}

for await (const line of lines) console.log(JSON.stringify(obey(JSON.parse(line))));
