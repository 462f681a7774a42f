// Who must be shown as online or offline, and when, by what a test knows of sockets and faults. Where it can't know, it claims
// neither.
import { union } from './intervals.mjs';

const lasting = ({ to }) => to ?? Infinity;

export class Truth {
  #timeline;
  #bounds;
  #until;
  #known = new Map();

  constructor(timeline, bounds, until) {
    this.#timeline = timeline;
    this.#bounds = bounds;
    this.#until = until;
  }

  /** What was worked out once: the same is asked for each client. */
  #once(what, key, make) {
    const name = `${what} ${key}`;
    if (!this.#known.has(name)) this.#known.set(name, make());
    return this.#known.get(name);
  }

  people() {
    return [...new Set(this.#timeline.spans.flatMap(({ person }) => person ?? []))];
  }

  #spansOf(person) {
    return this.#once('spans', person, () => this.#timeline.spans.filter((span) => span.person === person));
  }

  /** Moments in which `person` is online for a client of `node`: a socket is there, or a grace lasts. */
  online(person, node) {
    const connected = this.#spansOf(person).filter(({ from }) => from !== undefined);
    const stands = (span) => ({ from: this.#knownFrom(span, node), to: this.#standsUntil(span) });
    return this.#once('online', `${person} ${node}`, () => union(connected.map(stands)));
  }

  /** Other nodes can't know of a socket that came to a node while that was cut off from Redis. */
  #knownFrom(span, node) {
    const { announced, back } = this.#bounds;
    if (span.node === node) return span.from;
    const cuts = this.#timeline.faults.filter(
      (fault) =>
        fault.kind === 'cut' &&
        fault.node === span.node &&
        fault.from - announced <= span.from &&
        span.from <= lasting(fault) + back,
    );
    return Math.max(span.from, ...cuts.map((cut) => lasting(cut) + back));
  }

  #standsUntil(span) {
    const { grace, earliestSweep, jitter } = this.#bounds;
    if (span.sure === undefined) return this.#until;
    const ends = [span.sure + (span.end === 'killed' ? Math.min(grace, earliestSweep) : grace) - jitter];
    const kill = this.#doomOf(span, 'kill');
    if (kill) ends.push(kill.from + earliestSweep - jitter);
    for (const { person, from } of this.#timeline.logouts) if (person === span.person && from >= span.from) ends.push(from);
    return Math.max(span.sure, Math.min(...ends));
  }

  /** What became of the process that held it, after it was gone. */
  #doomOf(span, kind) {
    return this.#timeline.faults.find(
      (fault) => fault.kind === kind && fault.process === span.process && lasting(fault) >= (span.gone ?? 0),
    );
  }

  /**
   * `[{from, due, to, end}]`: when `person` has no socket for certain, from when on every client of `node` must think so, and how
   * the last socket ended.
   */
  gaps(person, node) {
    return this.#once('gaps', `${person} ${node}`, () => this.#gaps(person, node));
  }

  #gaps(person, node) {
    const spans = this.#spansOf(person);
    const there = union(spans.map(({ opened, gone }) => ({ from: opened, to: gone ?? this.#until })));
    return there.map(({ to: from }, i) => {
      const past = spans.filter(({ gone }) => gone !== undefined && gone <= from);
      const dues = past.map((span) => this.#due(span, node));
      return {
        from,
        due: Math.max(from, ...dues),
        to: there[i + 1]?.from ?? this.#until,
        end: past.findLast(({ gone }) => gone === from)?.end,
      };
    });
  }

  #due(span, node) {
    const { grace, announced, killed, ping, back, handover, loggedOut } = this.#bounds;
    const { end, gone } = span;
    const patience = { killed, vanished: ping + grace + announced, logout: loggedOut };
    let due = gone + (patience[end] ?? grace + announced);

    const connected = span.from !== undefined;
    for (const { person, from, to } of this.#timeline.logouts) {
      if (connected && person === span.person && from >= span.opened && from < due && end !== 'killed')
        due = Math.max(gone, to) + loggedOut;
    }
    const kill = this.#doomOf(span, 'kill');
    const dead = end === 'killed' || (kill !== undefined && kill.from < due);
    if (kill && dead) due = Math.max(due, kill.from + killed);
    const drain = this.#doomOf(span, 'drain');
    if (drain && drain.from < due && !this.#goesOn(span)) due = Math.max(due, lasting(drain) + handover);

    for (const fault of this.#troubles([span.node, node])) {
      if (fault.from >= due || lasting(fault) + back <= gone) continue;
      // A node that waits for Redis to take a socket in notices late that it is gone again, and its grace begins then.
      due = Math.max(due, lasting(fault) + (dead ? killed : back) + (connected ? 0 : grace));
    }
    return due;
  }

  /** Another socket of that person takes over from it within the grace. */
  #goesOn(span) {
    const soon = span.gone + this.#bounds.grace;
    return this.#spansOf(span.person).some(
      (other) => other !== span && other.from < soon && (other.gone ?? Infinity) > span.gone,
    );
  }

  /** What keeps one of these nodes from knowing everything, by time. */
  #troubles(nodes) {
    const concerns = ({ kind, node }) => kind === 'away' || kind === 'loss' || (kind === 'cut' && nodes.includes(node));
    return this.#timeline.faults.filter(concerns).sort((a, b) => a.from - b.from);
  }

  /** Moments in which a client of `node` may think what it will of `person`: Redis is away, or was just now. */
  excuses(person, node) {
    return this.#once('excuses', `${person} ${node}`, () =>
      this.windows([node, ...this.#spansOf(person).map((span) => span.node)]),
    );
  }

  /** The same for what these nodes say of themselves. */
  windows(nodes) {
    const { back, slack } = this.#bounds;
    return union(this.#troubles(nodes).map((fault) => ({ from: fault.from, to: lasting(fault) + back + slack })));
  }

  /** Moments in which the node of `span` may say that it does not know: the same, and when its process had just started. */
  doubts({ node, process }) {
    const { announced, slack } = this.#bounds;
    const birth = this.#timeline.births.get(process) ?? -Infinity;
    return union([...this.windows([node]), { from: birth, to: birth + announced + slack }]);
  }

  /** When Redis answered nobody at `node`. */
  outages(node) {
    return union(
      this.#troubles([node])
        .filter(({ kind }) => kind !== 'loss')
        .map((fault) => ({ from: fault.from, to: lasting(fault) })),
    );
  }
}
