// What outlives the page. A browser may forbid it, or have no room: then everything works, until the page goes.

export type StorageLike = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** One user's part of a storage. Nothing in it throws. */
export class UserStorage {
  readonly #storage: StorageLike | undefined;
  readonly #prefix: string;

  constructor(storage: StorageLike | undefined, user: string) {
    this.#storage = storage ?? browserStorage();
    this.#prefix = `hubbub:${user}:`;
  }

  get(key: string): string | undefined {
    try {
      return this.#storage?.getItem(this.#prefix + key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether it is kept: there may be no room. */
  set(key: string, value: string): boolean {
    try {
      this.#storage?.setItem(this.#prefix + key, value);
      return this.#storage !== undefined;
    } catch {
      return false;
    }
  }

  remove(key: string): void {
    try {
      this.#storage?.removeItem(this.#prefix + key);
    } catch {
      // Where nothing can be removed, nothing was kept.
    }
  }

  /** What {@link UserStorage.setJson} kept; undefined also for what is broken. */
  getJson(key: string): unknown {
    const text = this.get(key);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  setJson(key: string, value: unknown): boolean {
    return this.set(key, JSON.stringify(value));
  }
}

function browserStorage(): StorageLike | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
