// The socket: connects, says where we are, and comes back by itself.
import { io, type Socket } from 'socket.io-client';
import { backoff } from './backoff';
import { isPosition } from './position';
import type { Connection as State } from './types';

/** Before the first and between all further tries, at most; the hub shows people as online for 10 s after a cut. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 5_000;

/** How long the hub may take to say what was missed, and to acknowledge. */
const PATIENCE = 10_000;

/** How long it may take to show that it is still there. */
const LIFE_SIGN_PATIENCE = 3_000;

/** What the hub answers to an event. */
export type Answer = { ok: true; [field: string]: unknown } | { ok: false; error: { code: string; message: string } };

/** What became of our position. */
interface Verdict {
  verdict: 'current' | 'resumed' | 'reset';
  count: number;
  reason?: string;
  /** Where we are now, after a reset. */
  position?: string;
}

export interface ConnectionOptions {
  url: string;
  token: string | undefined;
  user: string;
  /** Where we are; asked at each connect. */
  position: () => string | undefined;
  changed: (state: State) => void;
  /** Whether what is said reaches the hub from now on. */
  live: (isLive: boolean) => void;
  /** An event, with its position if it is a numbered one. */
  event: (name: string, data: unknown, position: string | undefined) => void;
  /** What was missed can't be told; what comes now follows this position. */
  reset: (reason: string, position: string | undefined) => void;
}

type Phase = 'waiting' | 'failed' | 'catching-up' | 'live' | 'ended';

/** One tab's socket, whatever becomes of it. */
export class Connection {
  readonly #options: ConnectionOptions;
  #socket: Socket | undefined;
  #phase: Phase = 'waiting';
  #told: State = 'connecting';
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Events that were missed and are still to come. */
  #missing = 0;
  #leaves: (() => void)[] = [];

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get state(): State {
    if (this.#phase === 'ended') return 'ended';
    if (this.#phase === 'failed' || isOffline()) return 'offline';
    return this.#phase === 'waiting' ? 'connecting' : this.#phase;
  }

  /** Whether what is said now reaches the hub, and nothing that was missed is on its way. */
  get isLive(): boolean {
    return this.#phase === 'live';
  }

  /** Whether what happens is told, now or after what was missed. */
  get hears(): boolean {
    return this.#phase === 'live' || this.#phase === 'catching-up';
  }

  start(): void {
    if (this.#socket || this.#phase === 'ended') return;
    const { url, token, user, position } = this.#options;
    const socket = io(url, {
      forceNew: true,
      // What the library does not do after a refusal must be done here; so all of it is.
      reconnection: false,
      autoConnect: false,
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      withCredentials: token === undefined,
      // Always with a position, even none: the hub then says whose session it is not, and that what came before must be loaded.
      auth: (say) => say({ presence: 'diff', user, since: position() ?? '', ...(token === undefined ? {} : { token }) }),
    });
    this.#socket = socket;
    socket.on('connect', () => this.#connected());
    socket.on('connect_error', (error) => this.#failed(error.message, socket.active));
    socket.on('disconnect', (reason) => this.#disconnected(reason));
    socket.onAny((name: string, ...args: unknown[]) => this.#take(name, args));
    this.#leaves = [
      listen('online', () => this.#check()),
      listen('offline', () => this.#tell()),
      listen('visibilitychange', () => this.#check(), globalThis.document),
    ];
    this.#try();
  }

  /** Connects now, without waiting for the next try. */
  reconnect(): void {
    if (!this.#socket || this.#socket.connected || this.#phase === 'ended') return;
    this.#failures = 0;
    this.#move('waiting');
    this.#try();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#leaves.forEach((leave) => leave());
    this.#leaves = [];
    this.#socket?.offAny();
    this.#socket?.off();
    this.#socket?.disconnect();
    this.#socket = undefined;
    this.#enter(this.#phase === 'ended' ? 'ended' : 'waiting');
    // Stopping is no news to whoever does it.
    this.#told = this.state;
  }

  /** The session is over: nothing more comes, and nothing is tried again. */
  end(): void {
    if (this.#phase === 'ended') return;
    this.stop();
    this.#move('ended');
  }

  /** Says something, if somebody hears it now. */
  say(event: string, data: unknown): void {
    if (this.isLive) this.#socket?.emit(event, data);
  }

  /** Says something; rejects if it was not acknowledged in time, or the connection ended before. */
  async ask(event: string, data: unknown, patience = PATIENCE): Promise<Answer> {
    const socket = this.#socket;
    if (!socket?.connected) throw new Error('not connected');
    return (await socket.timeout(patience).emitWithAck(event, data)) as Answer;
  }

  #try(): void {
    clearTimeout(this.#timer);
    this.#socket?.connect();
  }

  #connected(): void {
    this.#move('catching-up');
    // Without a verdict it is no hub, or a connection that carries nothing.
    this.#timer = setTimeout(() => this.#socket?.disconnect(), PATIENCE);
  }

  #disconnected(reason: string): void {
    this.#move('waiting');
    // A hub that closes the session says why when it is asked again.
    this.#later(reason === 'io server disconnect');
  }

  #failed(message: string, passes: boolean): void {
    if (!passes && /^(Unauthorized|User not found)/.test(message)) return this.end();
    this.#move('failed');
    this.#later(false);
  }

  #later(now: boolean): void {
    clearTimeout(this.#timer);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#try(), now && this.#failures === 1 ? 0 : backoff(this.#failures, FIRST_WAIT, LONGEST_WAIT));
  }

  #take(name: string, args: unknown[]): void {
    const [data] = args;
    if (name === 'resume') return this.#resume(data as Verdict);
    const last = args.length > 1 ? args.at(-1) : undefined;
    const position = isPosition(last) ? last : undefined;
    this.#options.event(name, data, position);
    if (position === undefined || this.#phase !== 'catching-up') return;
    this.#missing -= 1;
    if (this.#missing === 0) this.#live();
  }

  #resume({ verdict, count, reason, position }: Verdict): void {
    clearTimeout(this.#timer);
    // The cookie is somebody else's by now: nothing of theirs may be shown here.
    if (reason === 'other_user') return this.end();
    if (verdict === 'reset') this.#options.reset(reason ?? 'unknown', isPosition(position) ? position : undefined);
    this.#missing = verdict === 'resumed' ? count : 0;
    if (this.#missing === 0) this.#live();
  }

  #live(): void {
    this.#failures = 0;
    this.#move('live');
  }

  /** After sleep or a change of network, a connection may be dead long before anybody notices. */
  #check(): void {
    this.#tell();
    if (isOffline() || globalThis.document?.visibilityState === 'hidden') return;
    const socket = this.#socket;
    if (!socket?.connected) return this.reconnect();
    const { id } = socket;
    this.ask('presence:unwatch', { userIds: [] }, LIFE_SIGN_PATIENCE).catch(() => {
      if (socket.id === id) socket.disconnect();
    });
  }

  #move(phase: Phase): void {
    this.#enter(phase);
    this.#tell();
  }

  #enter(phase: Phase): void {
    const wasLive = this.isLive;
    this.#phase = phase;
    if (this.isLive !== wasLive) this.#options.live(this.isLive);
  }

  #tell(): void {
    const { state } = this;
    if (state === this.#told) return;
    this.#told = state;
    this.#options.changed(state);
  }
}

/** `onLine` says nothing when it is true. */
function isOffline(): boolean {
  return (globalThis.navigator as Navigator | undefined)?.onLine === false;
}

function listen(event: string, listener: () => void, target: EventTarget | undefined = globalThis.window): () => void {
  target?.addEventListener(event, listener);
  return () => target?.removeEventListener(event, listener);
}
