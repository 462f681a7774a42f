// Read marks on their way to the hub.
import type { Answer } from './connection';

/** Conversations whose mark waits, at most; the oldest is dropped, and set again when that conversation is opened again. */
const MOST = 500;

/** Between a failure and the next try. */
const PAUSE = 2_000;

/** Says what was read: the latest mark of each conversation, until the hub has acknowledged it. */
export class ReadMarks {
  readonly #ask: (event: string, data: unknown) => Promise<Answer>;
  readonly #waiting = new Map<string, string>();
  #isLive = false;
  #isAsking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: (event: string, data: unknown) => Promise<Answer>) {
    this.#ask = ask;
  }

  set(userId: string, upTo: string): void {
    this.#waiting.delete(userId);
    this.#waiting.set(userId, upTo);
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size <= MOST) break;
      this.#waiting.delete(oldest);
    }
    void this.#work();
  }

  live(isLive: boolean): void {
    this.#isLive = isLive;
    clearTimeout(this.#timer);
    void this.#work();
  }

  /** One after the other, so that marks set meanwhile go together. */
  async #work(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      // What is set in the same turn counts as one.
      await Promise.resolve();
      for (let next = this.#next(); next && this.#isLive; next = this.#next()) {
        const [userId, upTo] = next;
        const answer = await this.#ask('messagesRead', { userId, upTo });
        if (!answer.ok && isPassing(answer.error.code)) throw new Error(answer.error.message);
        if (this.#waiting.get(userId) === upTo) this.#waiting.delete(userId);
      }
    } catch {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#work(), PAUSE);
    } finally {
      this.#isAsking = false;
    }
  }

  #next(): [string, string] | undefined {
    for (const entry of this.#waiting) return entry;
    return undefined;
  }
}

/** Whether what was refused may be granted another time. */
export function isPassing(code: string): boolean {
  return code === 'rate_limited' || code === 'unavailable' || code === 'internal';
}
