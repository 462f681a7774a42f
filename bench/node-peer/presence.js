// Who is online on any node: a set of people for each node, with an expiry that the node renews.
const PREFIX = 'online:';
const LIFE = 30;

export class Presence {
  #redis;
  #key;
  #log;
  #sockets = new Map(); // person -> sockets here
  #renewal;

  constructor({ redis, node, log }) {
    this.#redis = redis;
    this.#key = PREFIX + node;
    this.#log = log;
    this.#renewal = setInterval(() => this.#renews(), (LIFE * 1_000) / 3).unref();
  }

  #tries(promise) {
    promise.catch((error) => this.#log('presence', error.message));
  }

  #renews() {
    const people = [...this.#sockets.keys()];
    if (people.length === 0) return;
    this.#tries(this.#redis.multi().sAdd(PREFIX + 'nodes', this.#key).sAdd(this.#key, people).expire(this.#key, LIFE).exec());
  }

  came(person) {
    const sockets = (this.#sockets.get(person) ?? 0) + 1;
    this.#sockets.set(person, sockets);
    if (sockets === 1) this.#renews();
  }

  left(person) {
    const sockets = this.#sockets.get(person) - 1;
    if (sockets > 0) this.#sockets.set(person, sockets);
    else {
      this.#sockets.delete(person);
      this.#tries(this.#redis.sRem(this.#key, person));
    }
  }

  async list() {
    const nodes = await this.#redis.sMembers(PREFIX + 'nodes');
    return nodes.length > 0 ? this.#redis.sUnion(nodes) : [];
  }

  async gone() {
    clearInterval(this.#renewal);
    await this.#redis.multi().del(this.#key).sRem(PREFIX + 'nodes', this.#key).exec();
  }
}
