// The books themselves: a suite that could not see what is wrong would prove nothing.
import { beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { Ledger } from './ledger.mjs';
import { faultsOf } from './run.mjs';
import { describe as inWords, schedule } from './schedule.mjs';
import { sleep } from './program.mjs';

const SENDER = { id: 'alice' };
const READER = { id: 'bob' };
const GOOD_HISTORY = { missing: 0, doubled: 0, swapped: 0, misread: 0 };

describe('the books', () => {
  let ledger;
  let stream;
  let page;

  beforeEach(() => {
    ledger = new Ledger({ showsSender: true });
    stream = ledger.addStream(SENDER, READER);
    page = { user: READER, kind: 'websocket', connectedAt: performance.now(), reconnects: [], refusals: [] };
    ledger.addPage(page);
  });

  const sends = () => {
    const n = ledger.begins(stream);
    ledger.acknowledged(stream, n, `id ${n}`);
    return n;
  };
  const shows = (n, { number, follows = true } = {}) => ledger.shown(page, { text: `${stream.index}.${n}` }, { number, follows });
  const wrong = () => faultsOf({ ledger, findings: ledger.findings(), history: GOOD_HISTORY, logs: {}, deaths: [], failures: new Map() });

  test('are balanced when each message is shown once, in order', () => {
    for (let i = 0; i < 3; i += 1) shows(sends());
    assert.deepEqual(wrong(), []);
  });

  test('see a message that is shown to nobody', () => {
    shows(sends());
    sends();
    assert.equal(ledger.findings().lost.length, 1);
    assert.match(wrong().join(), /1 lost: id 1/);
  });

  test('see a message that is shown twice', () => {
    const n = sends();
    shows(n);
    shows(n);
    assert.match(wrong().join(), /1 doubled/);
  });

  test('see a message that comes after a later one', () => {
    const [first, second] = [sends(), sends()];
    shows(second);
    shows(first);
    assert.match(wrong().join(), /1 out of order/);
  });

  test('see a position that goes back', () => {
    shows(sends(), { number: 2 });
    shows(sends(), { number: 1, follows: false });
    assert.match(wrong().join(), /1 out of order/);
  });

  test('tell a message that was missed around a reconnect that admits it from one that was lost', () => {
    sends();
    const at = performance.now();
    page.reconnects.push({ at, from: at, recovered: false, verdict: undefined });
    assert.equal(ledger.findings().missed.length, 1);
    assert.match(wrong().join(), /1 missed/);
    page.reconnects[0].recovered = true;
    assert.equal(ledger.findings().lost.length, 1);
  });

  test('excuse a delay by a fault or by absence, and by nothing else', async () => {
    const window = ledger.opens('redis-kill', {});
    const [first, second] = [sends(), sends()];
    await sleep(120);
    shows(first);
    const worst = () => ledger.delays.get('redis-kill').get('websocket').worst;
    assert.equal(worst(), 0, 'the fault still lasts');
    window.end = performance.now();
    await sleep(120);
    shows(second);
    assert.ok(worst() >= 100 && worst() < 200, `${worst()} ms after its end`);
  });
});

describe('a schedule', () => {
  const words = (seed, count) => {
    const steps = schedule(seed);
    return Array.from({ length: count }, () => steps.next().value.faults.map(inWords).join(' + '));
  };

  test('is the same for the same seed, and another for another', () => {
    assert.deepEqual(words(7, 50), words(7, 50));
    assert.notDeepEqual(words(7, 50), words(8, 50));
  });

  test('has every kind of fault once before any comes again', () => {
    const steps = schedule(7);
    const seen = [];
    while (new Set(seen).size === seen.length) seen.push(...steps.next().value.faults.map(({ kind }) => kind));
    assert.ok(seen.length >= 19, seen.join());
  });
});
