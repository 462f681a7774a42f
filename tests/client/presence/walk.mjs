// Plays a plan on a stand.
import { sleep } from '../faults/program.mjs';
import { describe } from './plan.mjs';

/** A rest takes as long as the latest promise that may be open then. */
const PATIENCE = 12_000;

const FAULTS = {
  drain: (stand, { node }) => stand.replaces(node),
  flush: (stand) => stand.flushes(),
  empty: (stand, { ms }) => stand.restarts(ms),
  older: (stand, { ms, dump }) => stand.restarts(ms, dump),
  stall: (stand, { ms }) => stand.stalls(ms),
  cut: (stand, { node, ms }) => stand.cutsOff(node, ms),
  kill: async (stand, { node, ms, leavers }) => {
    const { process } = stand.seatAt(node);
    leavers.forEach((person) => stand.people[person].givesUp(process));
    await stand.kills(node);
    await sleep(ms);
    await stand.revives(node);
  },
};

const ACTS = {
  arrives: (person, { tab, node }) => person.arrives(tab, node),
  reloads: (person, { tab, gap }) => person.reloads(tab, gap),
  moves: (person, { tab, node }) => person.moves(tab, node),
  logsOut: (person, { node }) => person.logsOut(node),
  types: (person, { tab, to }, people) => person.types(tab, people[to]),
};

export async function walks(stand, rounds, print) {
  for (const round of rounds) {
    const from = performance.now();
    const rested = await plays(stand, round);
    const online = stand.timeline.online().size;
    print(`${stand.timeline.seconds(from)} ${describe(round)} | rest after ${Math.round(rested)} ms, ${online} online`);
  }
}

async function plays(stand, { acts, when, faults }) {
  stand.goHome();
  const [before, from] = [await stand.swept(), performance.now()];
  const older = faults.find(({ kind }) => kind === 'older');
  const dump = older && (await stand.saves());
  let under = [];
  for (const [i, { wait, ...act }] of acts.entries()) {
    await sleep(wait);
    if (i === when) under = faults.map((fault) => FAULTS[fault.kind](stand, { ...fault, dump }));
    const person = stand.people[act.person];
    // In their own order; nobody waits for anybody else.
    if (ACTS[act.what]) ACTS[act.what](person, act, stand.people);
    else person[act.what](act.tab);
  }
  await Promise.all(under);
  const rested = await stand.rests(PATIENCE);
  const kill = faults.find(({ kind }) => kind === 'kill');
  if (kill) await counts(stand, { node: kill.node, from, before });
  return rested;
}

/** How often the dead node was swept, by whatever nodes live now. */
async function counts(stand, { node, from, before }) {
  const { killed, slack } = stand.bounds;
  let count;
  do {
    if (count !== undefined) await sleep(100);
    count = [...(await stand.swept())].reduce((sum, [process, swept]) => sum + swept - (before.get(process) ?? 0), 0);
  } while (count === 0 && performance.now() < from + killed + slack);
  stand.timeline.sweeps.push({ from, to: performance.now(), node, count });
}
