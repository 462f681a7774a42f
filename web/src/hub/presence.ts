// Who is online, of those whom the hub tells us of.
import type { Answer } from './connection';
import { isPassing } from './marks';
import type { UserPresence } from './types';

/** People watched at most: the hub's limit for a socket. */
const MOST_WATCHED = 200;

/** People who are remembered as online at most; above that, who left is not told. */
const MOST_ONLINE = 10_000;

/** People of whom REST tells at once. */
const MOST_LOOKED_UP = 100;

/** Between a failure and the next try. */
const PAUSE = 2_000;

interface Left {
  id: string;
  lastSeen: string | null;
}

export interface PresenceOptions {
  ask: (event: string, data: unknown) => Promise<Answer>;
  /** How it is with these people, by REST. */
  lookUp: (ids: string[]) => Promise<UserPresence[]>;
  changed: (people: UserPresence[]) => void;
}

/** Turns what the hub says of presence into changes, and watches people over all connections. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #wanted = new Set<string>();
  /** Whom the hub knows that we watch, on this connection. */
  readonly #watched = new Set<string>();
  #online = new Set<string>();
  #isSure = true;
  #isLive = false;
  #isAsking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Of too many, those who were asked for last count. */
  watch(ids: readonly string[]): void {
    for (const id of ids) {
      this.#wanted.delete(id);
      this.#wanted.add(id);
    }
    for (const oldest of this.#wanted) {
      if (this.#wanted.size <= MOST_WATCHED) break;
      this.#wanted.delete(oldest);
    }
    void this.#work();
  }

  unwatch(ids: readonly string[]): void {
    ids.forEach((id) => this.#wanted.delete(id));
    void this.#work();
  }

  live(isLive: boolean): void {
    if (!isLive) this.#watched.clear();
    this.#isLive = isLive;
    clearTimeout(this.#timer);
    void this.#work();
  }

  /** All who are online; replaces what was known. */
  snapshot(online: readonly string[], isSure: boolean): void {
    const before = this.#online;
    this.#online = new Set(online.slice(0, MOST_ONLINE));
    this.#isSure = isSure;
    const left = [...before].filter((id) => !this.#online.has(id));
    this.#tell([...online.map((id) => this.#shown(id)), ...left.map((id) => offline(id, null))]);
    void this.#lookUp(left.slice(0, MOST_LOOKED_UP));
  }

  change(came: readonly string[], left: readonly Left[]): void {
    for (const id of came) if (this.#online.size < MOST_ONLINE) this.#online.add(id);
    for (const { id } of left) this.#online.delete(id);
    this.#tell([...came.map((id) => this.#shown(id)), ...left.map(({ id, lastSeen }) => offline(id, lastSeen))]);
  }

  /** Whether what was told is sure: the hub may be unable to tell for a while. */
  sure(isSure: boolean): void {
    this.#isSure = isSure;
    this.#tell([...this.#online].map((id) => this.#shown(id)));
  }

  /** When those were last seen who left while nobody told us. */
  async #lookUp(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    const people = await this.#options.lookUp(ids).catch(() => []);
    this.#tell(people.filter(({ userId, state }) => state === 'offline' && !this.#online.has(userId)));
  }

  #shown(userId: string): UserPresence {
    return { userId, state: this.#isSure ? 'online' : 'unknown', lastSeen: null };
  }

  #tell(people: UserPresence[]): void {
    if (people.length > 0) this.#options.changed(people);
  }

  /** Tells the hub what changed of whom we watch, until it knows. */
  async #work(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      // What is asked for in the same turn goes together.
      await Promise.resolve();
      while (this.#isLive) {
        const ended = [...this.#watched].filter((id) => !this.#wanted.has(id));
        const begun = [...this.#wanted].filter((id) => !this.#watched.has(id));
        if (ended.length > 0) await this.#unwatch(ended);
        else if (begun.length > 0) await this.#watch(begun);
        else break;
      }
    } catch {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#work(), PAUSE);
    } finally {
      this.#isAsking = false;
    }
  }

  async #watch(userIds: string[]): Promise<void> {
    const answer = await this.#options.ask('presence:watch', { userIds });
    if (!answer.ok) return this.#refused(userIds, answer.error);
    userIds.forEach((id) => this.#watched.add(id));
    const people = answer['presence'] as UserPresence[];
    for (const { userId, state } of people) if (state === 'online') this.#online.add(userId);
    this.#tell(people);
  }

  async #unwatch(userIds: string[]): Promise<void> {
    const answer = await this.#options.ask('presence:unwatch', { userIds });
    if (!answer.ok) return this.#refused(userIds, answer.error);
    userIds.forEach((id) => this.#watched.delete(id));
  }

  /** What is refused for good must not be asked for again and again. */
  #refused(userIds: string[], error: { code: string; message: string }): void {
    if (isPassing(error.code)) throw new Error(error.message);
    for (const id of userIds) {
      this.#wanted.delete(id);
      this.#watched.delete(id);
    }
  }
}

function offline(userId: string, lastSeen: string | null): UserPresence {
  return { userId, state: 'offline', lastSeen };
}
