// What is wrong with a timeline: each rule is a promise about presence, and yields `{at, text, person, span}` for each breach.
import { beliefs, departures, ignorances, knows, states, thoughts } from './beliefs.mjs';
import { overlap, within, without } from './intervals.mjs';
import { Truth } from './truth.mjs';

const RULES = {
  flickers,
  ghosts,
  unseen,
  repeats,
  misled,
  unsettled,
  foreign,
  guesses,
  strings,
  silent,
  pace,
  lost,
  sweeps,
};

/** `[{rule, at, text, person?, span?}]`, by time. `until` is when the timeline ended. */
export function findings(timeline, bounds, until) {
  const truth = new Truth(timeline, bounds, until);
  const watchers = timeline.spans.filter(({ from }) => from !== undefined);
  const world = { timeline, bounds, until, truth, watchers, people: truth.people() };
  const found = Object.entries(RULES).flatMap(([rule, finds]) => [...finds(world)].map((finding) => ({ rule, ...finding })));
  found.push(...timeline.complaints.map(({ at, text }) => ({ rule: 'complaint', at, text })));
  return found.sort((a, b) => a.at - b.at);
}

function* pairs({ watchers, people }) {
  for (const span of watchers) for (const person of people) yield [span, person];
}

/** Nobody is announced offline while a socket is there, nor within the grace; news of an earlier leave may be a moment late. */
function* flickers(world) {
  const { truth, bounds, timeline } = world;
  for (const [span, person] of pairs(world)) {
    const told = departures(span, person);
    if (told.length === 0) continue;
    const online = truth.online(person, span.node);
    for (const at of told) {
      const since = online.find((interval) => within(at, interval))?.from;
      if (since === undefined || since > at - bounds.announced - bounds.slack) continue;
      yield {
        at,
        span,
        person,
        text: `is told that ${timeline.named(person)} went, who is there since ${timeline.seconds(since)}`,
      };
    }
  }
}

/** Whoever has no socket is offline for everybody in time, and stays so. */
function* ghosts(world) {
  const { truth, bounds, timeline, until } = world;
  for (const [span, person] of pairs(world)) {
    for (const gap of truth.gaps(person, span.node)) {
      const wrong = wrongly(true, { from: gap.due + bounds.slack, to: gap.to }, world, span, person);
      if (!wrong) continue;
      const text = `shows ${timeline.named(person)}, whose last socket ended at ${timeline.seconds(gap.from)} (${gap.end})`;
      yield {
        at: wrong.from,
        span,
        person,
        text: `${text} and who is due as offline at ${timeline.seconds(Math.min(gap.due, until))}`,
      };
    }
  }
}

/** Whoever has a socket is online for everybody in time, and stays so. */
function* unseen(world) {
  const { truth, bounds, timeline } = world;
  for (const [span, person] of pairs(world)) {
    for (const { from, to } of truth.online(person, span.node)) {
      const wrong = wrongly(false, { from: from + bounds.announced + bounds.slack, to }, world, span, person);
      if (wrong)
        yield {
          at: wrong.from,
          span,
          person,
          text: `does not show ${timeline.named(person)}, who is there since ${timeline.seconds(from)}`,
        };
    }
  }
}

/** The first time in `moments`, without those that have an excuse, in which the client thought `online` of that person. */
function wrongly(online, moments, { truth, until }, span, person) {
  const life = overlap(moments, span.life(until));
  if (!life) return undefined;
  // Whoever was told that not all is known can't take somebody for offline.
  const ignorance = online ? [] : ignorances(span, until);
  const held = without(life, [...truth.excuses(person, span.node), ...ignorance]);
  const thought = beliefs(span, person, until).filter((belief) => belief.online === online);
  return thought.flatMap((belief) => held.flatMap((moment) => overlap(belief, moment) ?? []))[0];
}

/** One departure is announced once to a diff client, if Redis was well. */
function* repeats(world) {
  const { truth, timeline } = world;
  for (const [span, person] of pairs(world)) {
    if (span.kind !== 'diff') continue;
    const told = span.notes.filter(({ what, offline }) => what === 'changes' && offline.has(person)).map(({ at }) => at);
    for (const gap of truth.gaps(person, span.node)) {
      const times = told.filter(
        (at) => within(at, gap) && !truth.excuses(person, span.node).some((window) => within(at, window)),
      );
      if (times.length > 1)
        yield {
          at: times[1],
          span,
          person,
          text: `is told ${times.length} times that ${timeline.named(person)} went (${gap.end})`,
        };
    }
  }
}

/** When nothing goes on, everybody thinks the same, and it is true. */
function* misled({ timeline, watchers }) {
  for (const { at, online, people } of timeline.rests) {
    for (const span of watchers.filter(({ from, sure }) => from <= at && at < (sure ?? Infinity))) {
      const thought = thoughts(span, people, at);
      const wrong = people.filter((person) => online.has(person) !== thought?.has(person));
      const names = wrong.map((person) => timeline.named(person)).join(', ');
      if (names)
        yield { at, span, person: wrong[0], text: `at rest, ${thought ? `is wrong about ${names}` : 'was told nothing yet'}` };
      else if (!knows(span, at)) yield { at, span, text: 'at rest, does not know' };
    }
  }
}

/** Clients are told when nothing is known any more, soon, and when it is known again; and neither without reason. */
function* unsettled({ truth, bounds, until, watchers }) {
  for (const span of watchers.filter(({ kind }) => kind === 'diff')) {
    const told = states(span);
    const stateAt = (at) => told.findLast((note) => note.at <= at)?.state;
    const life = span.life(until);
    for (const outage of truth.outages(span.node)) {
      const noticed = outage.from + bounds.unknown + bounds.slack;
      if (within(noticed, outage) && within(noticed, life) && stateAt(noticed) !== 'unknown')
        yield { at: noticed, span, text: 'was not told that presence is unknown' };
    }
    for (const { to: at } of truth.doubts(span)) {
      if (within(at, life) && stateAt(at) === 'unknown') yield { at, span, text: 'was not told that presence is known again' };
    }
    for (const { at, state } of told) {
      if (state === 'unknown' && !truth.doubts(span).some((doubt) => within(at, doubt)))
        yield { at, span, text: 'is told that presence is unknown, for no reason' };
    }
  }
}

/** Each kind of client gets its own events and none of the other's. */
function* foreign({ watchers }) {
  for (const span of watchers) {
    const wrong = span.notes.find(({ what }) =>
      span.kind === 'diff' ? what === 'list' : ['snapshot', 'changes', 'state'].includes(what),
    );
    if (wrong) yield { at: wrong.at, span, text: `a ${span.kind} client is sent ${wrong.what}` };
  }
}

/** A node that can't know says unknown when it is asked, never offline. */
function* guesses({ truth, bounds, timeline, watchers }) {
  for (const span of watchers.filter(({ kind }) => kind === 'rest')) {
    const blind = truth.outages(span.node).map(({ from, to }) => ({ from: from + bounds.unknown + bounds.slack, to }));
    const calm = (at) => !truth.doubts(span).some((doubt) => within(at, doubt));
    for (const { at, offline, unknown } of span.notes) {
      if (offline.size > 0 && blind.some((moment) => within(at, moment)))
        yield { at, span, text: `answers offline for ${timeline.named([...offline][0])}, without Redis` };
      if (unknown.size > 0 && calm(at))
        yield { at, span, text: `answers unknown for ${timeline.named([...unknown][0])}, for no reason` };
    }
  }
}

/** Stock clients take any trailing string for a position: only the first list may end in one; the first snapshot has a field. */
function* strings({ watchers }) {
  for (const span of watchers) {
    const wholes = span.notes.filter(({ what }) => what === 'list' || what === 'snapshot');
    for (const note of span.notes) {
      const first = note === wholes[0];
      if (note.trails && !(first && note.what === 'list')) yield { at: note.at, span, text: `a ${note.what} ends in a string` };
      if ((note.position !== undefined) !== first && wholes.includes(note))
        yield { at: note.at, span, text: `a ${note.what} ${first ? 'without' : 'with'} a position` };
    }
  }
}

/** Whoever connects is told at once who is there. */
function* silent({ bounds, until, watchers }) {
  for (const span of watchers.filter(({ kind }) => kind === 'list' || kind === 'diff')) {
    const { from, to } = span.life(until);
    const told = span.notes.find(({ what }) => what === 'list' || what === 'snapshot')?.at ?? to;
    if (told - from > bounds.slack)
      yield { at: from, span, text: `was told nothing for ${Math.round(told - from)} ms after it connected` };
  }
}

/** Lists to one socket are bounded in pace and size. Of several in a row the first may have come late, none of them early. */
function* pace({ bounds, watchers }) {
  for (const span of watchers) {
    const lists = span.notes.filter(({ what }) => what === 'list');
    for (const { at, bytes } of lists) if (bytes > bounds.listBytes) yield { at, span, text: `a list of ${bytes} bytes` };
    const tooSoon = (later, i) =>
      lists.slice(0, i).findIndex(({ at }, j) => later.at - at < (i - j) * bounds.listInterval - bounds.jitter);
    const i = lists.findIndex((later, place) => tooSoon(later, place) >= 0);
    if (i < 0) continue;
    const j = tooSoon(lists[i], i);
    yield { at: lists[i].at, span, text: `${i - j + 1} lists within ${Math.round(lists[i].at - lists[j].at)} ms` };
  }
}

/** No socket ends by itself. */
function* lost({ watchers }) {
  for (const span of watchers.filter(({ end }) => end === 'lost'))
    yield { at: span.sure, span, person: span.person, text: 'was cut, and nobody did anything to it' };
}

/** One survivor sweeps a dead node, if Redis was well; what a node that was told to stop left may be swept at the same time. */
function* sweeps({ timeline, truth, bounds }) {
  const drains = timeline.faults.filter(({ kind, to }) => kind === 'drain' && to !== undefined);
  for (const { from, to, node, count } of timeline.sweeps) {
    if (truth.windows([0, 1, 2]).some((window) => overlap(window, { from, to }))) continue;
    const stopped = drains.filter((drain) => overlap({ from, to }, { from: drain.to, to: drain.to + bounds.handover })).length;
    if (count >= 1 && count <= 1 + stopped) continue;
    yield { at: to, text: `node ${node} was killed at ${timeline.seconds(from)} and swept ${count} times` };
  }
}
