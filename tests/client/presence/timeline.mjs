// What a test knows, as data with times in milliseconds: the life of each socket and what it was told, and what was done to
// nodes, wires and Redis. `checker.mjs` says what is wrong with it.

/**
 * One connection of a client; or, of `kind` 'rest' and without a `person`, what one node answered to questions.
 *
 * A test can't see into a node, so the ends are two moments each: the socket may be there from `opened` until `gone`, and is
 * there for certain from `from` (its `connect`; undefined: never) until `sure` (just before it was hurt).
 */
export class Span {
  from = undefined;
  sure = undefined;
  gone = undefined;
  /** closed, logout, vanished, cut, killed, drained, or lost: nobody did anything to it. */
  end = undefined;
  /**
   * What it was told, oldest first, each with `at`: `{what: 'list', online, bytes, position}`, `{what: 'snapshot', online, state,
   * position}`, `{what: 'changes', online, offline}`, `{what: 'state', state}`, `{what: 'typing'}`, and for a question `{what:
   * 'answer', online, offline, unknown}`.
   * People are sets of ids; `trails` says that the event's last argument was a string.
   */
  notes = [];

  constructor({ person, kind, node, process, opened }) {
    Object.assign(this, { person, kind, node, process, opened });
  }

  /** It is there, for all that the client and the test know. */
  get lives() {
    return this.from !== undefined && this.sure === undefined;
  }

  /** The moments in which what it was told can be held against it. */
  life(until) {
    return { from: this.from, to: this.sure ?? until };
  }

  ends(how, at) {
    this.end ??= how;
    this.sure ??= at;
  }
}

export class Timeline {
  spans = [];
  /**
   * `{kind, from, to, node?, process?}`. 'away': Redis answers nobody; 'cut': it answers all but one node; 'loss': it answers,
   * and has forgotten something; 'kill' and 'drain': what became of one process.
   */
  faults = [];
  /** process -> when it was ready. */
  births = new Map();
  /** `{person, from, to}`: asked and answered. */
  logouts = [];
  /** `{at, people, online}`: nothing was going on around these people, and so many of all had a socket. */
  rests = [];
  /** `{from, to, node, count}`: how many dead nodes were swept around a kill. */
  sweeps = [];
  /** Sentences about what must not happen at all. */
  complaints = [];

  /** `names`: id -> how reports call that person. */
  constructor({ start = 0, names = new Map() } = {}) {
    Object.assign(this, { start, names });
  }

  opens(span) {
    this.spans.push(span);
    return span;
  }

  /** A fault that lasts until its `to` is set. */
  suffers(kind, { from, to, ...where }) {
    const fault = { kind, from, to, ...where };
    this.faults.push(fault);
    return fault;
  }

  /** Who has a live socket now. */
  online() {
    return new Set(this.spans.filter(({ person, lives }) => person !== undefined && lives).map(({ person }) => person));
  }

  named(id) {
    return this.names.get(id) ?? id;
  }

  seconds(at) {
    return `+${((at - this.start) / 1_000).toFixed(2)}s`;
  }
}
