// The books: what was sent, acknowledged and shown, when, and what was wrong about it. A message is known by its text,
// `stream.number`; a stream is one direction of a conversation, whose messages are sent one after the other.
import { Page } from './page.mjs';

/** Delays below this need no excuse. */
const PROMPT = 50;
/** Around a reconnect that was not whole, what was under way that long before it is missed, rather than lost. */
const BEFORE_GAP = 5_000;
/** How many of the latest faults may still be the reason why a message is late. */
const LOOK_BACK = 40;

export class Ledger {
  streams = [];
  pages = [];
  windows = []; // faults: {kind, start, end (Infinity while it lasts), …}
  foreign = 0; // messages that nobody here sent
  acknowledgedCount = 0;
  shownCount = 0;
  /** Worst delays, and how many deliveries, by fault kind and kind of client: `kind -> client -> {worst, count}`. */
  delays = new Map();
  #expectsSender;

  constructor({ showsSender }) {
    this.#expectsSender = showsSender;
  }

  addStream(from, to) {
    const stream = { index: this.streams.length, from, to, begun: 0, ids: [], beganAt: [], ackedAt: [] };
    this.streams.push(stream);
    return stream;
  }

  addPage(page) {
    page.counts = new Map(); // stream -> how often each message was shown
    page.highest = new Map(); // stream -> the largest number shown
    page.shown = []; // {index, n, number} of stream, message and log, in the order in which they were shown
    page.disordered = []; // kinds of the faults before messages that came after a later one
    this.pages.push(page);
  }

  /** The streams that a page shows. */
  streamsOf(page) {
    return this.streams.filter(({ from, to }) => to === page.user || (this.#expectsSender && from === page.user));
  }

  // ---- while it runs

  begins(stream) {
    stream.beganAt.push(performance.now());
    stream.begun += 1;
    return stream.begun - 1;
  }

  acknowledged(stream, n, id) {
    stream.ids[n] = id;
    stream.ackedAt[n] = performance.now();
    this.acknowledgedCount += 1;
    const window = this.windows.at(-1);
    if (window && window.end < stream.ackedAt[n]) window.answeredAfter ??= stream.ackedAt[n] - window.end;
  }

  shown(page, message, { number, follows }) {
    const now = performance.now();
    const [index, n] = String(message?.text).split('.').map(Number);
    const stream = this.streams[index];
    if (!stream || !(n < stream.begun)) {
      this.foreign += 1;
      return;
    }
    this.shownCount += 1;
    const counts = page.counts.get(index) ?? page.counts.set(index, []).get(index);
    counts[n] = (counts[n] ?? 0) + 1;
    if (counts[n] > 1) return;
    const highest = page.highest.get(index) ?? -1;
    if (n < highest || !follows) page.disordered.push(this.windows.at(-1)?.kind ?? 'none');
    page.highest.set(index, Math.max(n, highest));
    page.shown.push({ index, n, number });
    this.#times(page, stream, n, now);
  }

  /** How long it took beyond what faults and the reader's absence excuse: for each fault around it, or else the last one. */
  #times(page, stream, n, now) {
    const committed = Math.min(stream.ackedAt[n] ?? now, now);
    const around = [];
    let since = committed;
    if (now - committed > PROMPT) {
      since = Math.max(since, page.connectedAt);
      for (let i = this.windows.length - 1; i >= 0 && i >= this.windows.length - LOOK_BACK; i -= 1) {
        const window = this.windows[i];
        if (window.end < committed) continue;
        around.push(window);
        since = Math.max(since, Math.min(window.end, now));
      }
    }
    if (around.length === 0 && this.windows.length > 0) around.push(this.windows.at(-1));
    const delay = Math.max(0, now - since);
    for (const window of around) window.worst = Math.max(window.worst ?? 0, delay);
    for (const kind of around.length === 0 ? ['none'] : new Set(around.map((window) => window.kind))) {
      const byClient = this.delays.get(kind) ?? this.delays.set(kind, new Map()).get(kind);
      const entry = byClient.get(page.kind) ?? byClient.set(page.kind, { worst: 0, count: 0 }).get(page.kind);
      entry.count += 1;
      entry.worst = Math.max(entry.worst, delay);
    }
  }

  opens(kind, about) {
    const window = { kind, ...about, start: performance.now(), end: Infinity };
    this.windows.push(window);
    return window;
  }

  /** How many messages were under way, or acknowledged, since that moment. */
  inFlightSince(moment) {
    let count = 0;
    for (const { begun, ackedAt } of this.streams) {
      for (let n = begun - 1; n >= 0 && !(ackedAt[n] < moment); n -= 1) count += 1;
    }
    return count;
  }

  // ---- at the end

  /** How many messages are still missing on pages that should show them. */
  outstanding() {
    let missing = 0;
    for (const page of this.pages) {
      for (const stream of this.streamsOf(page)) {
        const counts = page.counts.get(stream.index) ?? [];
        for (let n = 0; n < stream.begun; n += 1) if (!counts[n]) missing += 1;
      }
    }
    return missing;
  }

  /** The fault that was the last to begin before that moment. */
  kindAt(at) {
    let kind = 'none';
    for (const window of this.windows) {
      if (window.start > at) break;
      ({ kind } = window);
    }
    return kind;
  }

  /**
   * After `checkHistory`. What was lost (on pages that stayed, or were told that they had resumed), missed (around a reconnect that said it was not
   * whole), doubled (beyond what the database has twice) and out of order.
   * Each with what is needed to look for it in the logs.
   */
  findings() {
    const found = { lost: [], missed: [], doubled: [], disordered: [], foreign: this.foreign };
    for (const page of this.pages) {
      found.disordered.push(...page.disordered.map((kind) => ({ page, kind })));
      const gaps = page.reconnects.filter((reconnect) => !Page.isWhole(reconnect));
      for (const stream of this.streamsOf(page)) {
        const counts = page.counts.get(stream.index) ?? [];
        for (let n = 0; n < stream.begun; n += 1) {
          if (counts[n] >= 1 && counts[n] <= Math.max(1, stream.stored?.[n] ?? 1)) continue;
          const [began, acked] = [stream.beganAt[n], stream.ackedAt[n]];
          const entry = { page, stream, n, id: stream.ids[n], began, acked, times: counts[n] ?? 0, kind: this.kindAt(acked) };
          const excused = gaps.some(({ from, at }) => acked >= from - BEFORE_GAP && began <= at);
          if (counts[n] > 1) found.doubled.push(entry);
          else (excused ? found.missed : found.lost).push(entry);
        }
      }
    }
    return found;
  }

  /** Reconnects by what they said: `{recovered, resumed, current, reset, silent}`. */
  reconnects(kind) {
    const tally = { recovered: 0, resumed: 0, current: 0, reset: 0, silent: 0 };
    for (const page of this.pages) {
      if (kind && page.kind !== kind) continue;
      for (const reconnect of page.reconnects) {
        const { verdict } = reconnect.verdict ?? {};
        if (verdict in tally) tally[verdict] += 1;
        else if (reconnect.recovered) tally.recovered += 1;
        else tally.silent += 1;
      }
    }
    return tally;
  }
}
