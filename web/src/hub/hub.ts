// One tab's connection to the hub.
import type { Api } from './rest';
import type { Connection, Draft, HubEvents, Outgoing } from './types';

export interface HubOptions {
  /** My id. */
  user: string;
  /** Where the hub is; without it, where the page came from. */
  url?: string;
  /** The session's token, for clients without the cookie. */
  token?: string;
  /** Where the position and the outbox are kept over reloads; without it, localStorage if there is one. */
  storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  api?: Api;
}

/** Connects to the hub, resumes, and sends: messages come once and in order, and go out once and in order. */
export class Hub {
  constructor(options: HubOptions) {
    void options;
  }

  /** Listens to an event; answers how to stop. */
  on<E extends keyof HubEvents>(event: E, listener: HubEvents[E]): () => void {
    void [event, listener];
    return () => {};
  }

  get connection(): Connection {
    return 'connecting';
  }

  /** What is on its way, the oldest first. A new list after each change. */
  get outbox(): readonly Outgoing[] {
    return [];
  }

  start(): void {}

  /** Puts a message on its way, and never waits. Throws, in words for people, when too many are on their way. */
  send(draft: Draft): Outgoing {
    return { ...draft, clientId: '', createdAt: '', state: 'waiting' };
  }

  retry(clientId: string): void {
    void clientId;
  }

  discard(clientId: string): void {
    void clientId;
  }

  /** The conversation with somebody was read up to a message. */
  markRead(userId: string, upTo: string): void {
    void [userId, upTo];
  }

  /** I am typing to somebody; call it as often as you like. */
  typing(receiverId: string): void {
    void receiverId;
  }

  /** Asks for the presence of these people, too. */
  watch(ids: readonly string[]): void {
    void ids;
  }

  unwatch(ids: readonly string[]): void {
    void ids;
  }

  /** Connects now, without waiting for the next try. */
  reconnect(): void {}

  stop(): void {}
}
