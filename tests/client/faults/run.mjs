// One run: people write, faults come and go, and in the end the books are balanced.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { FAULTS } from './faults.mjs';
import { checkHistory, checkLogs } from './history.mjs';
import { fetchText } from './balancer.mjs';
import { describe } from './schedule.mjs';
import { sleep, until } from './program.mjs';

/** A fault counts only with so many messages under way or acknowledged from its start to a second after its end. */
export const IN_FLIGHT = 100;
/** Everything must be delivered so long after the end of a fault and the reader's reconnect. */
export const BOUND = 5_000;

/** Counters that say what nodes did about a fault. */
const TOLD = /^hubbub_(reconciles_total|gaps_repaired_total|publish_failures_total|batch_retries_total|resumes_total|messages_repeated_total)\b/;

async function counters(world) {
  const sums = new Map();
  await Promise.all(
    world.members.map(async ({ index, opsUrl }) => {
      if (!opsUrl) return;
      const { body } = await fetchText(`${opsUrl}/metrics`);
      for (const line of body.split('\n')) {
        if (TOLD.test(line)) sums.set(`${index} ${line.slice(0, line.lastIndexOf(' '))}`, Number(line.slice(line.lastIndexOf(' ') + 1)));
      }
    }),
  );
  return sums;
}

/** What grew, summed over the nodes: `reconciles sweep +3`. A restarted node begins at 0. */
function growth(before, after) {
  const sums = new Map();
  for (const [key, value] of after) {
    const grown = value - (before.get(key) > value ? 0 : (before.get(key) ?? 0));
    const [, series, labels = ''] = /^\d+ hubbub_(\w+?)(?:_total)?(?:\{(.*)\})?$/.exec(key);
    const name = [series, ...[...labels.matchAll(/"(\w+)"/g)].map(([, value]) => value)].join(' ');
    if (grown > 0) sums.set(name, (sums.get(name) ?? 0) + grown);
  }
  return [...sums].map(([name, sum]) => `${name} +${sum}`).join(', ');
}

export class Run {
  constructor(world, { print = () => {} } = {}) {
    this.world = world;
    this.print = print;
    this.begun = performance.now();
    this.lag = monitorEventLoopDelay({ resolution: 20 });
    this.lag.enable();
    this.unhealthy = new Set();
    world.balancer.onReport = (index, body) => this.#notes(index, body);
    world.senders.start();
  }

  #notes(index, body) {
    try {
      const { database, backplane } = JSON.parse(body);
      if (!database.connected) this.unhealthy.add(`node ${index} without database`);
      if (!backplane.connected) this.unhealthy.add(`node ${index} without Redis`);
      else if (backplane.deaf) this.unhealthy.add(`node ${index} deaf`);
    } catch {
      // A node that is going away may answer with half a body.
    }
  }

  /** The faults of one step, at the same time; then `gap`. */
  async step({ faults, gap }) {
    const before = await counters(this.world);
    this.unhealthy.clear();
    const windows = await Promise.all(faults.map((fault) => this.#inject(fault)));
    const grown = growth(before, await counters(this.world));
    for (const window of windows) {
      window.told = [...this.unhealthy].sort().join(', ');
      window.grown = grown;
      this.#reports(window);
    }
    await sleep(gap);
    return windows;
  }

  async #inject({ kind, parameters }) {
    const { ledger } = this.world;
    const window = ledger.opens(kind, { text: describe({ kind, parameters }) });
    try {
      window.bit = await FAULTS[kind].run(this.world, parameters);
    } finally {
      window.end = performance.now();
    }
    await sleep(1_000);
    window.inFlight = ledger.inFlightSince(window.start);
    window.counts = window.bit !== undefined && window.inFlight >= IN_FLIGHT;
    return window;
  }

  #reports(window) {
    const { ledger } = this.world;
    const seconds = ((window.start - this.begun) / 1_000).toFixed(1);
    const parts = [
      `#${ledger.windows.indexOf(window) + 1} +${seconds}s ${window.text}`,
      window.counts ? window.bit : `DOES NOT COUNT: ${window.bit ?? 'did not bite'}`,
      `${window.inFlight} in flight`,
      `worst ${Math.round(window.worst ?? 0)} ms`,
      ...(window.answeredAfter > 200 ? [`the next send was answered ${Math.round(window.answeredAfter)} ms after its end`] : []),
      ...[window.told, window.grown].filter(Boolean),
    ];
    this.print(parts.join(' | '));
  }

  /** No more messages: waits until all that was sent is shown, or nothing more comes for `patience`. */
  async settles({ patience = 15_000 } = {}) {
    const { ledger, senders } = this.world;
    await senders.stop();
    let missing = ledger.outstanding();
    let since = performance.now();
    while (missing > 0 && performance.now() - since < patience) {
      await sleep(200);
      const now = ledger.outstanding();
      if (now < missing) since = performance.now();
      missing = now;
    }
    // What comes twice may come late.
    await sleep(500);
    this.lag.disable();
    await until(() => this.world.members.every((member) => this.world.balancer.isUp(member.index)), 30_000, () => 'all nodes are up');
    const history = await checkHistory(ledger, this.world.nodeUrls[0]);
    const logs = this.world.system.hasLogs ? await checkLogs(ledger, this.world.nodeUrls[0]) : {};
    const findings = ledger.findings();
    const deaths = this.world.members.flatMap((member) => member.unasked.map((exit) => ({ node: member.index, ...exit })));
    return { ledger, findings, history, logs, deaths, failures: senders.failures, lagMs: this.lag.max / 1e6 };
  }
}

/** What is wrong with the outcome of a run of hubbub, as sentences; empty: nothing. */
export function faultsOf({ ledger, findings, history, logs, deaths, failures }, { resumes = true } = {}) {
  const wrong = [];
  const lists = { lost: findings.lost, missed: resumes ? findings.missed : [], doubled: findings.doubled };
  for (const [what, list] of Object.entries(lists)) if (list.length > 0) wrong.push(`${list.length} ${what}: ${list.slice(0, 5).map(sample).join('; ')}`);
  const swaps = findings.disordered.slice(0, 5).map(({ page, kind }) => `after ${kind} on ${page.kind}`);
  if (swaps.length > 0) wrong.push(`${findings.disordered.length} out of order: ${swaps.join('; ')}`);
  if (findings.foreign > 0) wrong.push(`${findings.foreign} messages that nobody sent`);
  for (const what of ['missing', 'doubled', 'swapped', 'misread']) if (history[what] > 0) wrong.push(`history: ${history[what]} ${what}`);
  for (const what of ['gaps', 'unlogged', 'misplaced']) if (logs[what] > 0) wrong.push(`logs: ${logs[what]} ${what}`);
  for (const { node, code, signal, log } of deaths) wrong.push(`node ${node} ended by itself (${code ?? signal}):\n${log.slice(-2_000)}`);
  for (const [status, count] of failures) if (status !== 0 && status !== 503) wrong.push(`${count} sends answered ${status}`);
  for (const page of ledger.pages) for (const refusal of page.refusals) wrong.push(`a ${page.kind} client gave up: ${refusal}`);
  for (const [kind, clients] of ledger.delays) {
    for (const [client, { worst }] of clients) if (worst > BOUND) wrong.push(`${Math.round(worst)} ms after ${kind} on ${client}`);
  }
  return wrong;
}

function sample({ page, stream, n, id, kind, times }) {
  return `${id} (${stream.index}.${n}, after ${kind}) shown ${times} times to a ${page.kind} client of ${page.user.id}`;
}
