// What stories on a stand have in common.
import { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { departures, states } from './beliefs.mjs';
import { DEFAULT } from './bounds.mjs';
import { findings } from './checker.mjs';
import { report } from './excerpt.mjs';
import { Stand } from './stand.mjs';

const now = () => performance.now();

/** A moment later than promised is found by the checker, which says more than a wait that ended. */
export const LATE = 2 * DEFAULT.bounds.slack;

/** Runs the stories that `body` declares one after the other, on a stand of their own with so many people. `story` has it. */
export function onStand(name, people, body) {
  describe(name, { concurrency: 1 }, () => {
    const story = {};
    before(async () => Object.assign(story, { stand: await Stand.start({ timing: DEFAULT, people }) }), { timeout: 90_000 });
    after(() => story.stand?.stop(), { timeout: 60_000 });
    body(story);
  });
}

/** That nobody was told anything wrong since `from`; of `mine` only, if these are named. */
export function assertTrue({ timeline }, from, mine) {
  const concerns = ({ at, person }) => at >= from && (!mine || !person || mine.some(({ id }) => id === person));
  assert.equal(report(timeline, findings(timeline, DEFAULT.bounds, now()).filter(concerns)), '');
}

/** The diff observers whose connection stood all the time since `from`. */
const steady = ({ observers }, from) => observers.filter(({ kind, span }) => kind === 'diff' && span.from < from);

/** For each of these people, how often each steady observer was told since `from` that they went. */
export function timesTold(stand, people, from) {
  const since = ({ span }, { id }) => departures(span, id).filter((at) => at >= from).length;
  return people.map((person) =>
    steady(stand, from)
      .map((observer) => since(observer, person))
      .join(' '),
  );
}

/** node -> what its steady observer was told since `from` of how much is known. */
export function statesTold(stand, from) {
  const since = ({ span }) => states(span).filter(({ at }) => at >= from);
  return steady(stand, from).map((observer) =>
    since(observer)
      .map(({ state }) => state)
      .join(' '),
  );
}

/**
 * Each node has told its observer of the outage, and of nothing for which it had no reason: a machine that is short of time can make a node
 * deaf once more, and then it has counted another repair. `before` is what {@link Stand.repairs} said at `from`.
 */
export async function assertOutageTold(stand, from, before) {
  const after = await stand.repairs();
  const sum = ({ sweep, ...reasons }) => Object.values(reasons).reduce((all, count) => all + count, 0);
  statesTold(stand, from).forEach((told, node) => {
    assert.match(told, /^unknown known( unknown known)*$/);
    const times = told.split(' ').length / 2;
    assert.ok(times <= Math.max(1, sum(after[node]) - sum(before[node])), `${told}: ${JSON.stringify([before[node], after[node]])}`);
  });
}

/** Opens a tab of each of these people at the node beside them, and waits until that is known. */
export async function arrive(stand, places) {
  await Promise.all(places.map(([person, tab, node]) => person.arrives(tab, node)));
  await stand.agrees(
    places.map(([person]) => person),
    DEFAULT.bounds.announced + LATE,
  );
}
