// The checker itself: each kind of fault in presence, forged, must be found, and nothing where nothing is wrong.
import { beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { DEFAULT } from './bounds.mjs';
import { findings } from './checker.mjs';
import { overlap, union, without } from './intervals.mjs';
import { PEOPLE, ROUNDS, SEEDS, describe as inWords, plan } from './plan.mjs';
import { Span, Timeline } from './timeline.mjs';

const { bounds } = DEFAULT;
const END = 100_000;
const NOBODY = new Set();

describe('the checker', () => {
  let timeline;
  let lists;
  let diffs;

  beforeEach(() => {
    timeline = new Timeline();
    [lists, diffs] = ['list', 'diff'].map((kind, node) => connects({ person: `watcher of ${kind}s`, kind, node, from: 0 }));
    everybodyHears(50, ['watcher of lists', 'watcher of diffs']);
  });

  /** A socket that connects at `from` and, at `to`, ends like that. What a quiet one was told is not looked at. */
  const connects = ({ person = 'ann', kind = 'quiet', node = 2, from, to, end = 'closed', process = `process ${node}` }) => {
    const span = timeline.opens(new Span({ person, kind, node, process, opened: from - 20 }));
    span.from = from;
    if (to !== undefined) {
      span.ends(end, to);
      span.gone = to + 5;
    }
    return span;
  };

  const hears = (span, at, online, more) => {
    const whole = { online: new Set(online), position: span.notes.length === 0 ? '1.1' : undefined };
    if (span.kind === 'list')
      span.notes.push({ at, what: 'list', bytes: 100, trails: whole.position !== undefined, ...whole, ...more });
    else span.notes.push({ at, what: 'snapshot', state: 'known', ...whole, ...more });
  };

  const isTold = (at, { online = [], offline = [] }) => {
    diffs.notes.push({ at, what: 'changes', online: new Set(online), offline: new Set(offline) });
  };

  const watchers = ['watcher of lists', 'watcher of diffs'];
  const everybodyHears = (at, online) => [lists, diffs].forEach((span) => hears(span, at, online));

  /** Both watchers see ann from `at` on. */
  const annShows = (at) => {
    hears(lists, at, [...watchers, 'ann']);
    isTold(at, { online: ['ann'] });
  };
  const annGoes = (at) => {
    hears(lists, at, watchers);
    isTold(at, { offline: ['ann'] });
  };

  const wrong = () => findings(timeline, bounds, END);
  const rules = () => [...new Set(wrong().map(({ rule }) => rule))].sort();

  test('finds nothing wrong with somebody who comes, reloads and goes', () => {
    connects({ from: 1_000, to: 20_000 });
    annShows(2_000);
    connects({ from: 29_000, to: 40_000 });
    annGoes(51_000);
    timeline.rests.push({ at: 80_000, people: ['ann', ...watchers], online: new Set(watchers) });
    assert.deepEqual(wrong(), []);
  });

  test('finds a ghost', () => {
    connects({ from: 1_000, to: 20_000 });
    annShows(2_000);
    annGoes(20_005 + bounds.grace + bounds.announced + bounds.slack + 50);
    assert.deepEqual(rules(), ['ghosts']);
    assert.match(wrong()[0].text, /shows ann, whose last socket ended at \+20.00s \(closed\)/);
  });

  test('finds a ghost that comes back from older data and stays', () => {
    connects({ from: 1_000, to: 20_000 });
    annShows(2_000);
    annGoes(31_000);
    timeline.suffers('loss', { from: 60_000, to: 60_000 });
    annShows(61_000);
    assert.deepEqual(rules(), ['ghosts']);
    annGoes(64_900);
    assert.deepEqual(rules(), []);
  });

  test('gives the people of a killed node 15 s, and those of a vanished peer the time to notice', () => {
    connects({ from: 1_000, to: 20_000, end: 'killed' });
    timeline.suffers('kill', { from: 20_000, to: 20_010, process: 'process 2', node: 2 });
    connects({ person: 'bob', node: 1, from: 1_000, to: 20_000, end: 'vanished' });
    hears(lists, 2_000, [...watchers, 'ann', 'bob']);
    isTold(2_000, { online: ['ann', 'bob'] });
    hears(lists, 35_000, [...watchers, 'bob']);
    isTold(35_000, { offline: ['ann'] });
    hears(lists, 39_000, watchers);
    isTold(39_000, { offline: ['bob'] });
    assert.deepEqual(wrong(), []);
    diffs.notes.forEach((note) => (note.at += note.at === 35_000 ? 1_000 : 0));
    assert.deepEqual(rules(), ['ghosts']);
  });

  test('finds somebody announced offline while a socket is there', () => {
    connects({ from: 1_000 });
    annShows(2_000);
    annGoes(30_000);
    annShows(32_000);
    timeline.suffers('away', { from: 29_000, to: 32_000 });
    assert.deepEqual(rules(), ['flickers'], 'and Redis is no excuse');
    assert.equal(wrong().filter(({ rule }) => rule === 'flickers').length, 2, 'to both kinds of client');
  });

  test('finds a flicker within the grace', () => {
    connects({ from: 1_000, to: 20_000 });
    connects({ from: 25_000 });
    annShows(2_000);
    annGoes(23_000);
    annShows(25_100);
    assert.deepEqual(rules(), ['flickers', 'unseen']);
  });

  test('takes no grace after a logout: offline at once is no flicker, online after 4 s is a ghost', () => {
    connects({ from: 1_000, to: 20_000, end: 'logout' });
    timeline.logouts.push({ person: 'ann', from: 20_000, to: 20_040 });
    annShows(2_000);
    annGoes(21_000);
    assert.deepEqual(wrong(), []);
    lists.notes.at(-1).at = 25_000;
    assert.deepEqual(rules(), ['ghosts']);
  });

  test('finds who came and is not shown', () => {
    connects({ from: 1_000 });
    annShows(6_000);
    assert.deepEqual(rules(), ['unseen']);
  });

  test('excuses the others of a node that is cut off for whoever came to it meanwhile, but not the node itself', () => {
    timeline.suffers('cut', { node: 0, from: 1_000, to: 30_000 });
    const state = (at, state) => ({ at, what: 'state', state });
    connects({ node: 0, from: 10_000 });
    hears(lists, 11_000, [...watchers, 'ann']);
    isTold(34_000, { online: ['ann'] });
    assert.deepEqual(rules(), []);
    connects({ person: 'bob', node: 1, from: 2_000 });
    diffs.notes.push(state(60_000, 'unknown'), state(61_000, 'known'));
    assert.deepEqual(rules(), ['unseen', 'unsettled']);
  });

  test('finds a departure that is told twice', () => {
    connects({ from: 1_000, to: 20_000 });
    annShows(2_000);
    annGoes(31_000);
    isTold(32_000, { offline: ['ann'] });
    assert.deepEqual(rules(), ['repeats']);
  });

  test('finds a wrong belief at rest', () => {
    connects({ from: 1_000 });
    hears(lists, 2_000, [...watchers, 'ann']);
    timeline.rests.push({ at: 4_000, people: ['ann', ...watchers], online: new Set([...watchers, 'ann']) });
    isTold(4_100, { online: ['ann'] });
    assert.deepEqual(rules(), ['misled']);
    assert.match(wrong()[0].text, /wrong about ann/);
  });

  test('finds an outage that was not told, one that was made up, and one that did not end', () => {
    timeline.suffers('away', { from: 10_000, to: 20_000 });
    assert.match(wrong()[0].text, /not told that presence is unknown/);
    diffs.notes.push({ at: 12_000, what: 'state', state: 'unknown' }, { at: 30_000, what: 'state', state: 'known' });
    assert.match(wrong()[0].text, /not told that presence is known again/);
    diffs.notes.at(-1).at = 24_000;
    assert.deepEqual(wrong(), []);
    diffs.notes.push({ at: 50_000, what: 'state', state: 'unknown' }, { at: 51_000, what: 'state', state: 'known' });
    assert.match(wrong()[0].text, /unknown, for no reason/);
    timeline.births.set('process 1', 49_000);
    assert.deepEqual(wrong(), [], 'a node that has just started may not know yet');
    timeline.rests.push({ at: 50_500, people: watchers, online: new Set(watchers) });
    assert.match(wrong()[0].text, /at rest, does not know/);
  });

  test('lets a diff client be told of somebody late while it is told that not all is known, but not of a departure', () => {
    connects({ from: 1_000 });
    timeline.births.set('process 1', 5_000);
    diffs.notes.push({ at: 3_000, what: 'state', state: 'unknown' }, { at: 6_000, what: 'state', state: 'known' });
    annShows(6_000);
    assert.deepEqual(
      wrong()
        .filter(({ span }) => span === diffs)
        .map(({ rule }) => rule),
      ['unsettled'],
    );
    assert.deepEqual(rules(), ['unseen', 'unsettled'], 'lists can not say that');
    diffs.notes.push(
      { at: 7_000, what: 'state', state: 'unknown' },
      { at: 7_500, what: 'changes', online: NOBODY, offline: new Set(['ann']) },
    );
    diffs.notes.push(
      { at: 7_600, what: 'changes', online: new Set(['ann']), offline: NOBODY },
      { at: 8_000, what: 'state', state: 'known' },
    );
    assert.ok(rules().includes('flickers'));
  });

  test('lets a node that was told to stop leave behind who does not go on elsewhere, and nobody else', () => {
    const drain = { process: 'process 2', node: 2, from: 20_000, to: 22_000 };
    timeline.suffers('drain', drain);
    connects({ from: 1_000, to: 21_000, end: 'drained' });
    annShows(2_000);
    annGoes(drain.to + bounds.handover);
    assert.deepEqual(wrong(), []);
    connects({ node: 0, from: 21_500, to: 30_000 });
    assert.deepEqual(rules(), ['ghosts']);
    timeline.spans.at(-1).person = 'bob';
    diffs.notes.at(-1).at += 1_000;
    assert.ok(rules().includes('ghosts'));
  });

  test('gives the people of a node that died without Redis their 15 s from its return', () => {
    timeline.suffers('away', { from: 19_000, to: 24_000 });
    diffs.notes.push({ at: 20_000, what: 'state', state: 'unknown' }, { at: 27_000, what: 'state', state: 'known' });
    timeline.suffers('kill', { from: 20_000, to: 20_010, process: 'process 2', node: 2 });
    connects({ from: 1_000, to: 20_000, end: 'killed' });
    hears(lists, 2_000, [...watchers, 'ann']);
    diffs.notes.splice(1, 0, { at: 2_000, what: 'changes', online: new Set(['ann']), offline: NOBODY });
    annGoes(24_000 + bounds.killed);
    assert.deepEqual(wrong(), []);
    lists.notes.at(-1).at += 1_000;
    assert.deepEqual(rules(), ['ghosts']);
  });

  test('finds an answer that says offline without knowing', () => {
    const answers = connects({ person: null, kind: 'rest', node: 0, from: 0 });
    answers.person = undefined;
    const answer = (at, offline, unknown) =>
      answers.notes.push({ at, what: 'answer', online: new Set(watchers), offline: new Set(offline), unknown: new Set(unknown) });
    timeline.suffers('away', { from: 10_000, to: 30_000 });
    diffs.notes.push({ at: 12_000, what: 'state', state: 'unknown' }, { at: 31_000, what: 'state', state: 'known' });
    answer(5_000, ['carl'], []);
    answer(20_000, [], ['carl']);
    assert.deepEqual(wrong(), []);
    answer(21_000, ['carl'], []);
    answer(50_000, [], ['carl']);
    assert.deepEqual(rules(), ['guesses']);
    assert.equal(wrong().length, 2);
  });

  test('finds strings where a stock client would take them for a position, and events of the other kind', () => {
    lists.notes.push({ at: 60_000, what: 'list', online: new Set(watchers), bytes: 10, trails: true, position: '1.2' });
    diffs.notes.push({ at: 60_000, what: 'typing', trails: true });
    assert.equal(wrong().filter(({ rule }) => rule === 'strings').length, 3);
    lists.notes.splice(1);
    diffs.notes.splice(1, 1, { at: 60_000, what: 'list', online: NOBODY, bytes: 10 });
    assert.ok(rules().includes('foreign'));
  });

  test('finds lists that come too fast or are too long', () => {
    hears(lists, 60_000, watchers);
    hears(lists, 61_600, watchers);
    assert.deepEqual(rules(), ['pace']);
    lists.notes.at(-1).at = 61_800;
    assert.deepEqual(rules(), []);
    hears(lists, 63_500, watchers);
    assert.match(wrong()[0].text, /3 lists within 3500 ms/, 'a little too soon, again and again');
    lists.notes.at(-1).at = 70_000;
    lists.notes.at(-1).bytes = 20_001;
    assert.match(wrong()[0].text, /20001 bytes/);
  });

  test('finds a client that was told nothing, a socket that was lost, and a node that was swept twice', () => {
    diffs.notes.length = 0;
    lists.ends('lost', 90_000);
    timeline.sweeps.push({ from: 10_000, to: 20_000, node: 2, count: 2 });
    assert.deepEqual(rules(), ['lost', 'silent', 'sweeps']);
  });
});

describe('intervals', () => {
  test('are merged where they touch', () => {
    assert.deepEqual(
      union([
        { from: 5, to: 7 },
        { from: 1, to: 3 },
        { from: 3, to: 4 },
        { from: 6, to: 9 },
      ]),
      [
        { from: 1, to: 4 },
        { from: 5, to: 9 },
      ],
    );
  });

  test('lose what is cut out of them', () => {
    assert.deepEqual(
      without({ from: 0, to: 10 }, [
        { from: 2, to: 4 },
        { from: 8, to: 20 },
      ]),
      [
        { from: 0, to: 2 },
        { from: 4, to: 8 },
      ],
    );
    assert.equal(overlap({ from: 0, to: 2 }, { from: 2, to: 3 }), undefined);
  });
});

describe('a plan', () => {
  const rounds = (seed) => plan(seed, PEOPLE);

  test('is the same for the same seed, and another for another', () => {
    assert.deepEqual(rounds(7), rounds(7));
    assert.notDeepEqual(rounds(7), rounds(8));
  });

  test('of the seeds that are walked by default leaves no fault out', () => {
    const kinds = SEEDS.flatMap((seed) => rounds(seed).map(({ faults }) => faults.map(({ kind }) => kind).join()));
    assert.deepEqual(
      ROUNDS.filter((together) => !kinds.includes(together.join())),
      [],
      SEEDS.map((seed) => rounds(seed).map(inWords).join(', ')).join('; '),
    );
  });
});
