// Where somebody is in their log: `epoch.number`, the trailing argument of numbered events.
import type { UserStorage } from './storage';

const KEY = 'position';

/** Whether an event's last argument is a position. */
export function isPosition(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 40 && /^\d+\.\d+$/.test(value);
}

/** Less than, equal to or greater than 0, as `a` comes before, is, or comes after `b`. */
export function comparePositions(a: string, b: string): number {
  const [epochA = 0, numberA = 0] = a.split('.').map(Number);
  const [epochB = 0, numberB = 0] = b.split('.').map(Number);
  return epochA - epochB || numberA - numberB;
}

/**
 * The position of this tab's connection, kept for the next page, too. Tabs share what is kept, and the newest one counts there;
 * but what another tab was told this one may still have to be told, so here only its own counts.
 */
export class PositionKeeper {
  readonly #storage: UserStorage;
  #current: string | undefined;

  constructor(storage: UserStorage) {
    this.#storage = storage;
    this.#current = this.#stored();
  }

  get current(): string | undefined {
    return this.#current;
  }

  /** Whether an event with this position was not told yet. */
  isNew(position: string): boolean {
    return this.#current === undefined || comparePositions(position, this.#current) > 0;
  }

  /** Everything up to here was told. */
  reach(position: string): void {
    if (!this.isNew(position)) return;
    this.#current = position;
    const stored = this.#stored();
    if (stored === undefined || comparePositions(position, stored) > 0) this.#storage.set(KEY, position);
  }

  /** The position is none any more. */
  forget(): void {
    this.#current = undefined;
    this.#storage.remove(KEY);
  }

  #stored(): string | undefined {
    const stored = this.#storage.get(KEY);
    return isPosition(stored) ? stored : undefined;
  }
}
