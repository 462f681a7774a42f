// Which tabs live. A tab that is gone leaves what it had to send; another one must find out, and takes it over.
import type { UserStorage } from './storage';
import { uuid } from './uuid';

const KEY = 'tabs';

/** How often a tab says that it lives. */
const BEAT = 15_000;

/** Without locks: browsers wake hidden tabs once a minute only. */
const DEAD_AFTER = 90_000;

/** With locks: until a tab that begins has its lock. */
const LOCKED_AFTER = 5_000;

/** Tabs that are remembered at most. */
const MOST = 50;

type Beats = Record<string, number>;

/**
 * This tab's sign of life: a lock that the browser lets go when the tab ends, where there are locks, and else a time in the storage
 * that is renewed.
 */
export class Tabs {
  readonly id = uuid();
  readonly #storage: UserStorage;
  readonly #name: (tab: string) => string;
  #release: (() => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(storage: UserStorage, user: string) {
    this.#storage = storage;
    this.#name = (tab) => `hubbub:${user}:tab:${tab}`;
  }

  /** Lives from now on; calls `beat` now and then, as long as it does. */
  enter(beat: () => void): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => {
      this.assert();
      beat();
    }, BEAT);
    this.assert();
    const held = new Promise<void>((resolve) => (this.#release = resolve));
    // Refused in some private windows: then the time counts.
    locks()?.request(this.#name(this.id), () => held).catch(() => undefined);
  }

  /**
   * Says that this tab lives, or that it is there but has left. Two tabs that say so at the same moment may undo each other's word,
   * until they say it again.
   */
  assert(): void {
    this.#write({ ...this.#beats(), [this.id]: this.#timer === undefined ? 0 : Date.now() });
  }

  /** What this tab has is anybody's from now on. */
  leave(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#release?.();
    this.letGo();
  }

  /** Lets others have what this tab has, if it doesn't say again that it lives: the page may be about to end. */
  letGo(): void {
    const beats = this.#beats();
    if (this.id in beats) this.#write({ ...beats, [this.id]: 0 });
  }

  /** Tabs that ended, and are not yet forgotten. */
  async dead(): Promise<string[]> {
    const others = Object.entries(this.#beats()).filter(([tab]) => tab !== this.id);
    if (others.length === 0) return [];
    const held = await heldLocks();
    const late = Date.now() - (held ? LOCKED_AFTER : DEAD_AFTER);
    return others.filter(([tab, beat]) => beat < late && !held?.has(this.#name(tab))).map(([tab]) => tab);
  }

  /** A dead tab has nothing left. */
  forget(tab: string): void {
    const { [tab]: _gone, ...beats } = this.#beats();
    this.#write(beats);
  }

  #beats(): Beats {
    const stored = this.#storage.getJson(KEY);
    if (typeof stored !== 'object' || stored === null) return {};
    return Object.fromEntries(Object.entries(stored).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  }

  #write(beats: Beats): void {
    const latest = Object.entries(beats).sort(([, a], [, b]) => b - a);
    this.#storage.setJson(KEY, Object.fromEntries(latest.slice(0, MOST)));
  }
}

function locks(): LockManager | undefined {
  return (globalThis.navigator as Navigator | undefined)?.locks;
}

async function heldLocks(): Promise<Set<string | undefined> | undefined> {
  try {
    const state = await locks()?.query();
    return state && new Set(state.held?.map((lock) => lock.name));
  } catch {
    return undefined;
  }
}
