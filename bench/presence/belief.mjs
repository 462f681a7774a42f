// Who a client believes to be online, by what it was told.

/** The events that tell of presence. */
export const TELLS = ['getOnlineUsers', 'presence:snapshot', 'presence', 'presence:state'];

let latest = Buffer.alloc(0);
/** Many are told the same: one copy is kept, so that thousands of lists of thousands of people fit, and are read once. */
const kept = (payload) => (latest.equals(payload) ? latest : (latest = Buffer.from(payload)));

const read = new WeakMap(); // list -> who is in it
function listed(list) {
  if (!read.has(list)) read.set(list, new Set(JSON.parse(list.subarray(2))[1]));
  return read.get(list);
}

const same = (a, b) => a.size === b.size && [...a].every((id) => b.has(id));

export class Belief {
  #list; // the latest whole list, unread: most are replaced before anybody looks
  #people = new Set();
  /** A diff client was told that what it knows may be old. */
  unknown = false;

  get people() {
    return this.#list ? listed(this.#list) : this.#people;
  }

  /** Takes in an event with the payload `42["event",…]`. Answers whether the belief is another now. */
  hears(event, payload) {
    if (event === 'getOnlineUsers') {
      const list = kept(payload);
      const changed = list !== this.#list;
      this.#list = list;
      return changed;
    }
    const [, told] = JSON.parse(payload.subarray(2));
    if (event === 'presence') return this.#changes(told);
    const wasUnknown = this.unknown;
    this.unknown = told.state !== 'known';
    if (event === 'presence:state') return this.unknown !== wasUnknown;
    const [before, after] = [this.people, new Set(told.online)];
    [this.#list, this.#people] = [undefined, after];
    return this.unknown !== wasUnknown || !same(before, after);
  }

  #changes({ online, offline }) {
    let changed = false;
    for (const id of online) {
      changed ||= !this.#people.has(id);
      this.#people.add(id);
    }
    for (const { id } of offline) changed = this.#people.delete(id) || changed;
    return changed;
  }
}

/**
 * Counts how often people are wrong about others (nobody is asked about themselves). `online` are those who are; `scope` is about whom one
 * is told: everyone, or one's partners. Answers a function of `(me, partners, belief)`.
 */
export function judge(online, scope) {
  const all = new Map(); // what is believed -> how much of it is wrong
  const wrongOfAll = (people) => {
    if (!all.has(people)) {
      let right = 0;
      for (const id of people) if (online.has(id)) right += 1;
      all.set(people, people.size - right + online.size - right);
    }
    return all.get(people);
  };
  return (me, partners, { people, unknown }) => {
    const own = people.has(me) ? 1 : 0;
    if (scope === 'everyone') return wrongOfAll(people) - (online.has(me) ? 1 - own : own) + (unknown ? 1 : 0);
    const truth = partners.filter((id) => online.has(id));
    const right = truth.filter((id) => people.has(id)).length;
    return truth.length - right + people.size - own - right + (unknown ? 1 : 0);
  };
}
