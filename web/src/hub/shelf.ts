// What is on its way, kept for the case that the page ends first.
import type { UserStorage } from './storage';
import type { Tabs } from './tabs';
import type { Outgoing } from './types';

/** Larger images would take the room of everything else; they live as long as the page. */
const LARGEST_IMAGE = 1_000_000;

/** A tab's list: the messages, by clientId, and why those failed that did. */
type List = Record<string, string | null>;

/** Keeps each message once, under its clientId, and for each tab a list of those that it has to send. */
export class Shelf {
  readonly #storage: UserStorage;
  readonly #tabs: Tabs;
  readonly #kept = new Set<string>();

  constructor(storage: UserStorage, tabs: Tabs) {
    this.#storage = storage;
    this.#tabs = tabs;
  }

  /** Keeps these and no others. */
  keep(outbox: readonly Outgoing[]): void {
    const gone = new Set(this.#kept);
    for (const outgoing of outbox) {
      gone.delete(outgoing.clientId);
      if (!this.#kept.has(outgoing.clientId) && this.#put(outgoing)) this.#kept.add(outgoing.clientId);
    }
    const list: List = {};
    for (const { clientId, state, error } of outbox) {
      if (this.#kept.has(clientId)) list[clientId] = state === 'failed' ? (error ?? '') : null;
    }
    this.#write(this.#tabs.id, list);
    for (const clientId of gone) this.#drop(clientId);
    this.#tabs.assert();
  }

  /** Takes over what dead tabs left, up to `most` messages; the others stay for later. */
  async takeOver(most: number): Promise<Outgoing[]> {
    const taken: Outgoing[] = [];
    for (const tab of await this.#tabs.dead()) {
      const left = this.#read(tab);
      for (const [clientId, error] of Object.entries(left)) {
        if (taken.length >= most) break;
        const outgoing = this.#get(clientId, error);
        if (outgoing) taken.push(outgoing);
        delete left[clientId];
      }
      this.#write(tab, left);
      if (Object.keys(left).length === 0) this.#tabs.forget(tab);
    }
    return taken;
  }

  #put({ clientId, receiverId, text, image, createdAt }: Outgoing): boolean {
    if ((image?.length ?? 0) > LARGEST_IMAGE) return false;
    return this.#storage.setJson(messageKey(clientId), { clientId, receiverId, text, image, createdAt });
  }

  #get(clientId: string, error: string | null): Outgoing | undefined {
    const kept = this.#storage.getJson(messageKey(clientId));
    if (!isKept(kept)) return undefined;
    return error === null ? { ...kept, state: 'waiting' } : { ...kept, state: 'failed', error };
  }

  #drop(clientId: string): void {
    this.#kept.delete(clientId);
    this.#storage.remove(messageKey(clientId));
  }

  #read(tab: string): List {
    const list = this.#storage.getJson(listKey(tab));
    if (typeof list !== 'object' || list === null) return {};
    const isEntry = (entry: [string, unknown]): entry is [string, string | null] => entry[1] === null || typeof entry[1] === 'string';
    return Object.fromEntries(Object.entries(list).filter(isEntry));
  }

  #write(tab: string, list: List): void {
    if (Object.keys(list).length === 0) this.#storage.remove(listKey(tab));
    else this.#storage.setJson(listKey(tab), list);
  }
}

function messageKey(clientId: string): string {
  return `message:${clientId}`;
}

function listKey(tab: string): string {
  return `outbox:${tab}`;
}

type Kept = Pick<Outgoing, 'clientId' | 'receiverId' | 'text' | 'image' | 'createdAt'>;

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null) return false;
  const { clientId, receiverId, text, image, createdAt } = value as Record<string, unknown>;
  const isText = (part: unknown): boolean => typeof part === 'string';
  return [clientId, receiverId, createdAt].every(isText) && [text, image].every((part) => part === undefined || isText(part));
}
