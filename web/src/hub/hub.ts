// One tab's connection to the hub.
import { Connection } from './connection';
import { Emitter } from './emitter';
import { ReadMarks } from './marks';
import { Outbox } from './outbox';
import { PositionKeeper } from './position';
import { Presence } from './presence';
import { Api, ApiError } from './rest';
import { RecentIds } from './seen';
import { Shelf } from './shelf';
import { UserStorage, type StorageLike } from './storage';
import { Tabs } from './tabs';
import type { Connection as ConnectionState, Draft, HubEvents, Message, Outgoing, ReadMark } from './types';
import { TypingSigns } from './typing';

/** Ids that are remembered against doubles; the position alone covers everything but our own sends. */
const REMEMBERED = 2_000;

export interface HubOptions {
  /** My id. */
  user: string;
  /** Where the hub is; without it, where the page came from. */
  url?: string;
  /** The session's token, for clients without the cookie. */
  token?: string;
  /** Where the position and the outbox are kept over reloads; without it, localStorage if there is one. */
  storage?: StorageLike;
  api?: Api;
}

/** Connects to the hub, resumes, and sends: messages come once and in order, and go out once and in order. */
export class Hub {
  readonly #user: string;
  readonly #byToken: boolean;
  readonly #api: Api;
  readonly #emitter = new Emitter<HubEvents>();
  readonly #position: PositionKeeper;
  readonly #seen = new RecentIds(REMEMBERED);
  readonly #tabs: Tabs;
  readonly #outbox: Outbox;
  readonly #connection: Connection;
  readonly #marks: ReadMarks;
  readonly #presence: Presence;
  readonly #typing: TypingSigns;
  readonly #hides = (): void => this.#tabs.letGo();
  #runs = false;

  constructor({ user, url, token, storage, api }: HubOptions) {
    this.#user = user;
    this.#byToken = token !== undefined;
    const place = { ...(url === undefined ? {} : { url }), ...(token === undefined ? {} : { token }) };
    this.#api = api ?? new Api(place);
    const kept = new UserStorage(storage, user);
    this.#position = new PositionKeeper(kept);
    this.#tabs = new Tabs(kept, user);
    this.#outbox = new Outbox({
      api: this.#api,
      shelf: new Shelf(kept, this.#tabs),
      hears: () => this.#connection.hears,
      confirm: (signal) => this.#confirm(signal),
      changed: (outbox) => this.#emitter.emit('outbox', outbox),
      sent: (message) => this.#tell(message),
      refused: () => this.#connection.end(),
    });
    this.#connection = new Connection({
      url: url ?? globalThis.location?.origin ?? '',
      token,
      user,
      position: () => this.#position.current,
      changed: (state) => this.#changed(state),
      live: (isLive) => this.#live(isLive),
      event: (name, data, position) => this.#take(name, data, position),
      reset: (reason, position) => this.#reset(reason, position),
    });
    const ask = this.#connection.ask.bind(this.#connection);
    this.#marks = new ReadMarks(ask);
    this.#presence = new Presence({
      ask,
      lookUp: (ids) => this.#api.presence(ids),
      changed: (people) => this.#emitter.emit('presence', people),
    });
    this.#typing = new TypingSigns((receiverId) => this.#connection.say('typing', { receiverId }));
  }

  /** Listens to an event; answers how to stop. */
  on<E extends keyof HubEvents>(event: E, listener: HubEvents[E]): () => void {
    return this.#emitter.on(event, listener);
  }

  get connection(): ConnectionState {
    return this.#connection.state;
  }

  /** What is on its way, the oldest first. A new list after each change. */
  get outbox(): readonly Outgoing[] {
    return this.#outbox.list;
  }

  /** Connects, and sends what an earlier page left. */
  start(): void {
    if (this.#runs || this.connection === 'ended') return;
    this.#runs = true;
    this.#tabs.enter(() => void this.#outbox.takeOver());
    globalThis.window?.addEventListener('pagehide', this.#hides);
    this.#connection.start();
    this.#outbox.start();
  }

  /** Puts a message on its way, and never waits. Throws, in words for people, when too many are on their way. */
  send(draft: Draft): Outgoing {
    return this.#outbox.add(draft);
  }

  /** Sends a message that failed again, or one that waits now. */
  retry(clientId: string): void {
    this.#outbox.retry(clientId);
  }

  /** Gives a message up. One that is being sent may arrive all the same. */
  discard(clientId: string): void {
    this.#outbox.discard(clientId);
  }

  /** The conversation with somebody was read up to a message. */
  markRead(userId: string, upTo: string): void {
    this.#marks.set(userId, upTo);
  }

  /** I am typing to somebody; call it as often as you like. */
  typing(receiverId: string): void {
    if (this.#connection.isLive) this.#typing.say(receiverId);
  }

  /** Asks for the presence of these people, too, from now on; of more than 200, the latest count. */
  watch(ids: readonly string[]): void {
    this.#presence.watch(ids);
  }

  unwatch(ids: readonly string[]): void {
    this.#presence.unwatch(ids);
  }

  /** Connects now, without waiting for the next try. */
  reconnect(): void {
    this.#connection.reconnect();
    this.#outbox.wake();
  }

  /** Ends the connection. What is on its way stays kept for the next start, here or in another tab. */
  stop(): void {
    if (!this.#runs) return;
    this.#runs = false;
    globalThis.window?.removeEventListener('pagehide', this.#hides);
    this.#outbox.stop();
    this.#connection.stop();
    this.#tabs.leave();
  }

  #changed(state: ConnectionState): void {
    if (state === 'ended') this.stop();
    this.#emitter.emit('connection', state);
  }

  #live(isLive: boolean): void {
    this.#marks.live(isLive);
    this.#presence.live(isLive);
    if (isLive) this.#outbox.wake();
    else this.#outbox.release();
  }

  /** An event of the socket: a numbered one is told if it is news, and the position moves when it has been told. */
  #take(name: string, data: unknown, position: string | undefined): void {
    if (position === undefined) return this.#passing(name, data as never);
    if (!this.#position.isNew(position)) return;
    if (name === 'newMessage') this.#tell(data as Message);
    if (name === 'messagesRead') this.#emitter.emit('read', data as ReadMark);
    this.#position.reach(position);
  }

  /** What has no number: it is true now, and told anew after each connect. */
  #passing(name: string, data: Passing): void {
    switch (name) {
      case 'typing':
        if (data.typing) this.#emitter.emit('typing', data.userId);
        break;
      case 'presence:snapshot':
        if (data.position !== undefined) this.#position.reach(data.position);
        this.#presence.snapshot(data.online, data.state === 'known');
        break;
      case 'presence':
        this.#presence.change(data.online, data.offline);
        break;
      case 'presence:state':
        this.#presence.sure(data.state === 'known');
        break;
    }
  }

  #tell(message: Message): void {
    if (message.senderId === this.#user && message.clientId !== undefined) this.#outbox.settle(message.clientId);
    if (this.#seen.add(message._id)) this.#emitter.emit('message', message);
  }

  #reset(reason: string, position: string | undefined): void {
    const isFirst = this.#position.current === undefined;
    this.#position.forget();
    // At once, or a connection that breaks before the next event would lead to another reset.
    if (position !== undefined) this.#position.reach(position);
    this.#emitter.emit('reset', isFirst ? 'first' : reason);
  }

  /** While no socket is bound to our session, the browser's cookie may have become somebody else's. */
  async #confirm(signal: AbortSignal): Promise<void> {
    if (this.#byToken || this.#connection.isLive) return;
    const me = await this.#api.me(signal);
    if (me._id !== this.#user) throw new ApiError('Somebody else is logged in by now.', 401, 'auth.other_user');
  }
}

/** The payloads of the events without a number: each has some of these fields. */
interface Passing {
  userId: string;
  typing: boolean;
  state: string;
  position?: string;
  online: string[];
  offline: { id: string; lastSeen: string | null }[];
}
