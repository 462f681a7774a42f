// What is on its way to the hub.
import { ApiError, type Api } from './rest';
import { backoff } from './backoff';
import type { Shelf } from './shelf';
import type { Draft, Message, Outgoing } from './types';
import { uuid } from './uuid';

/** Messages on their way at most. */
const MOST = 200;

/** Requests at the same time. */
const AT_ONCE = 4;

/** Between tries at most, whatever the hub says. */
const LONGEST_WAIT = 5 * 60_000;

/** When the network is back, a request that is older than this was probably lost with it. */
const LOST_AFTER = 3_000;

/** How long a message that was answered may wait for its event, which tells it in the order of the log. */
const EVENT_PATIENCE = 2_000;

interface Entry {
  outgoing: Outgoing;
  failures: number;
  /** When to try again. */
  due: number;
  attempt?: { control: AbortController; since: number };
  /** The hub has it: what is missing is its event. */
  answered?: Message;
}

export interface OutboxOptions {
  api: Api;
  shelf: Shelf;
  /** Whether the socket is there to tell what comes. */
  hears: () => boolean;
  /** Rejects if requests aren't those of the outbox's owner any more. */
  confirm: (signal: AbortSignal) => Promise<void>;
  changed: (outbox: readonly Outgoing[]) => void;
  /** A message was sent, and no event told it. */
  sent: (message: Message) => void;
  /** The session is over. */
  refused: () => void;
}

/** Sends what it is given, in order for each receiver, for as long as it takes. */
export class Outbox {
  readonly #options: OutboxOptions;
  #entries: Entry[] = [];
  #list: readonly Outgoing[] = [];
  #runs = false;
  /** The hub asked for a pause until then. */
  #pause = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** The oldest first. */
  get list(): readonly Outgoing[] {
    return this.#list;
  }

  start(): void {
    this.#runs = true;
    for (const entry of this.#entries) if (entry.answered) this.#expect(entry, entry.answered);
    this.#work();
    void this.takeOver();
  }

  /** Sends no more. What is on its way stays kept. */
  stop(): void {
    this.#runs = false;
    clearTimeout(this.#timer);
    for (const { attempt } of this.#entries) attempt?.control.abort();
  }

  add(draft: Draft): Outgoing {
    if (this.#entries.length >= MOST) {
      throw new Error(`${MOST} messages are waiting to be sent. Wait until some have been sent, or discard some.`);
    }
    const outgoing: Outgoing = { ...draft, clientId: uuid(), createdAt: new Date().toISOString(), state: 'waiting' };
    this.#entries.push({ outgoing, failures: 0, due: 0 });
    this.#changed();
    this.#work();
    return this.#find(outgoing.clientId)?.outgoing ?? outgoing;
  }

  retry(clientId: string): void {
    const entry = this.#find(clientId);
    if (!entry || entry.outgoing.state === 'sending') return;
    Object.assign(entry, { failures: 0, due: 0 });
    this.#set(entry, 'waiting');
    this.#work();
  }

  discard(clientId: string): void {
    this.#find(clientId)?.attempt?.control.abort();
    this.#remove(clientId);
  }

  /** The hub has the message of this clientId, as an event says. */
  settle(clientId: string): void {
    this.#remove(clientId);
  }

  /** The network is back: what failed for it is sent at once. */
  wake(): void {
    const lost = Date.now() - LOST_AFTER;
    for (const { attempt, outgoing } of this.#entries) {
      // An image takes its time.
      if (attempt && attempt.since < lost && outgoing.image === undefined) attempt.control.abort();
    }
    for (const entry of this.#entries) entry.due = 0;
    this.#work();
  }

  /** No events come any more that answered messages could wait for. */
  release(): void {
    for (const entry of [...this.#entries]) if (entry.answered) this.#tell(entry, entry.answered);
  }

  /** Takes over what other tabs left that ended. */
  async takeOver(): Promise<void> {
    const taken = await this.#options.shelf.takeOver(MOST - this.#entries.length);
    const news = taken.filter(({ clientId }) => !this.#find(clientId));
    if (news.length === 0) return;
    this.#entries.push(...news.map((outgoing) => ({ outgoing, failures: 0, due: 0 })));
    this.#entries.sort((a, b) => a.outgoing.createdAt.localeCompare(b.outgoing.createdAt));
    this.#changed();
    this.#work();
  }

  /** Starts what can be sent now, and wakes up for the rest. */
  #work(): void {
    clearTimeout(this.#timer);
    if (!this.#runs) return;
    const now = Date.now();
    let next = Infinity;
    const receivers = new Set<string>();
    for (const entry of [...this.#entries]) {
      const { receiverId, state } = entry.outgoing;
      // What failed waits for people, and what was answered for its event; neither keeps others back.
      if (state === 'failed' || entry.answered || receivers.has(receiverId)) continue;
      receivers.add(receiverId);
      if (entry.attempt) continue;
      const due = Math.max(entry.due, this.#pause);
      if (due > now) next = Math.min(next, due);
      else if (this.#requests < AT_ONCE) void this.#attempt(entry);
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.#work(), next - now);
  }

  get #requests(): number {
    return this.#entries.filter(({ attempt }) => attempt).length;
  }

  async #attempt(entry: Entry): Promise<void> {
    const { api, confirm } = this.#options;
    const { receiverId, text, image, clientId } = entry.outgoing;
    const control = new AbortController();
    const { signal } = control;
    entry.attempt = { control, since: Date.now() };
    this.#set(entry, 'sending');
    try {
      await confirm(signal);
      const body = { clientId, ...(text === undefined ? {} : { text }), ...(image === undefined ? {} : { image }) };
      this.#answered(entry, await api.send(receiverId, body, signal));
    } catch (error) {
      // Stopped, discarded, or tried again.
      if (!signal.aborted) this.#failed(entry, error);
    } finally {
      delete entry.attempt;
      this.#work();
    }
  }

  #answered(entry: Entry, message: Message): void {
    const { clientId } = entry.outgoing;
    // Its event came first.
    if (this.#find(clientId) !== entry) return;
    if (!this.#options.hears()) return this.#tell(entry, message);
    entry.answered = message;
    this.#keep();
    this.#expect(entry, message);
  }

  /** Tells the message by itself if its event is late. */
  #expect(entry: Entry, message: Message): void {
    setTimeout(() => {
      if (this.#runs && this.#find(entry.outgoing.clientId) === entry) this.#tell(entry, message);
    }, EVENT_PATIENCE);
  }

  #tell(entry: Entry, message: Message): void {
    this.#remove(entry.outgoing.clientId);
    this.#options.sent(message);
  }

  #failed(entry: Entry, error: unknown): void {
    if (this.#find(entry.outgoing.clientId) !== entry) return;
    if (!(error instanceof ApiError)) return this.#set(entry, 'failed', 'The message could not be sent.');
    if (error.status === 401) {
      this.#set(entry, 'waiting');
      return this.#options.refused();
    }
    if (!passes(error.status)) return this.#set(entry, 'failed', error.message);
    entry.failures += 1;
    if (error.retryAfter !== undefined) this.#pause = Date.now() + Math.min(error.retryAfter * 1_000, LONGEST_WAIT);
    entry.due = Date.now() + backoff(entry.failures, 1_000, LONGEST_WAIT);
    this.#set(entry, 'waiting', error.message);
  }

  #find(clientId: string): Entry | undefined {
    return this.#entries.find(({ outgoing }) => outgoing.clientId === clientId);
  }

  #set(entry: Entry, state: Outgoing['state'], error?: string): void {
    const { error: _before, ...outgoing } = entry.outgoing;
    entry.outgoing = error === undefined ? { ...outgoing, state } : { ...outgoing, state, error };
    this.#changed();
  }

  #remove(clientId: string): void {
    const left = this.#entries.filter(({ outgoing }) => outgoing.clientId !== clientId);
    if (left.length === this.#entries.length) return;
    this.#entries = left;
    this.#changed();
    this.#work();
  }

  #changed(): void {
    this.#keep();
    this.#list = this.#entries.map(({ outgoing }) => outgoing);
    this.#options.changed(this.#list);
  }

  #keep(): void {
    this.#options.shelf.keep(this.#entries.filter(({ answered }) => !answered).map(({ outgoing }) => outgoing));
  }
}

/** Whether it may go well another time. */
function passes(status: number): boolean {
  return status === 0 || status === 408 || status === 425 || status === 429 || status >= 500;
}
