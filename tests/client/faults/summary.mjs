// What a run amounts to, as numbers that can be written down and added up.

const nothing = () => ({ lost: 0, missed: 0, doubled: 0, disordered: 0 });

/** Figures of an outcome of `Run.settles`: in all, by kind of fault and by kind of client. */
export function summary({ ledger, findings, history, logs, deaths, failures, lagMs }) {
  const kinds = {};
  const clients = {};
  const ofKind = (kind) => (kinds[kind] ??= { faults: 0, counted: 0, inFlight: 0, fewest: null, worst: {}, ...nothing() });
  const ofClient = (kind) => (clients[kind] ??= { pages: 0, shown: 0, worst: 0, ...nothing() });
  for (const window of ledger.windows) {
    const entry = ofKind(window.kind);
    entry.faults += 1;
    if (!window.counts) continue;
    entry.counted += 1;
    entry.inFlight += window.inFlight;
    entry.fewest = Math.min(entry.fewest ?? Infinity, window.inFlight);
  }
  for (const page of ledger.pages) {
    const entry = ofClient(page.kind);
    entry.pages += 1;
    entry.shown += page.shown.length;
  }
  for (const [kind, byClient] of ledger.delays) {
    for (const [client, { worst }] of byClient) {
      ofKind(kind).worst[client] = worst;
      ofClient(client).worst = Math.max(ofClient(client).worst, worst);
    }
  }
  for (const what of ['lost', 'missed', 'doubled', 'disordered']) {
    for (const { page, kind } of findings[what]) {
      ofKind(kind)[what] += 1;
      ofClient(page.kind)[what] += 1;
    }
  }
  for (const kind of Object.keys(clients)) clients[kind].reconnects = ledger.reconnects(kind);
  return {
    begun: ledger.streams.reduce((sum, { begun }) => sum + begun, 0),
    acknowledged: ledger.acknowledgedCount,
    shown: ledger.shownCount,
    foreign: findings.foreign,
    history,
    logs,
    kinds,
    clients,
    deaths: deaths.length,
    gaveUp: ledger.pages.flatMap(({ kind, refusals }) => refusals.map((reason) => `${kind}: ${reason}`)),
    failedSends: Object.fromEntries(failures),
    loopLagMs: Math.round(lagMs),
  };
}

/** The sum of two figures of the same shape: numbers add up, but for the worst, the fewest, and pages. */
export function add(a, b, key = '') {
  if (a === undefined || a === null) return b;
  if (b === undefined || b === null) return a;
  if (typeof a === 'number') {
    if (/worst|LagMs|pages/i.test(key)) return Math.max(a, b);
    return key === 'fewest' ? Math.min(a, b) : a + b;
  }
  if (Array.isArray(a)) return [...a, ...b];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...keys].map((name) => [name, add(a[name], b[name], key === 'worst' ? key : name)]));
}

/** Everything in `object.kinds` or `object.clients` added up under one name. */
export function total(entries, name) {
  return Object.values(entries).reduce((sum, entry) => sum + (entry[name] ?? 0), 0);
}
