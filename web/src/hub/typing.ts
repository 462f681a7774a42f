// Signs that somebody is typing.

/** The hub shows a sign for 6 s. */
const EVERY = 3_000;

/** People whose latest sign is remembered, at most. */
const MOST = 100;

/** Says so to each receiver once in a while, however often it is asked to. */
export class TypingSigns {
  readonly #say: (receiverId: string) => void;
  readonly #said = new Map<string, number>();

  constructor(say: (receiverId: string) => void) {
    this.#say = say;
  }

  say(receiverId: string): void {
    const now = performance.now();
    const before = this.#said.get(receiverId);
    if (before !== undefined && now - before < EVERY) return;
    this.#said.delete(receiverId);
    this.#said.set(receiverId, now);
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= MOST) break;
      this.#said.delete(oldest);
    }
    this.#say(receiverId);
  }
}
