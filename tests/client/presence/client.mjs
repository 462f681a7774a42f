// A tab of somebody: a stock socket.io-client on a wire of its own, which writes down its life and everything that it is told.
import { io } from 'socket.io-client';
import { KINDS } from '../faults/page.mjs';
import { RECONNECTION } from '../faults/plays.mjs';
import { Span } from './timeline.mjs';

const now = () => performance.now();
let wires = 0;

export class Client {
  #stand;
  #url;
  #tag = `wire ${(wires += 1)}`;
  socket;
  /** The connection that it has or tries to make. */
  span;
  /** It is meant to be connected. */
  wanted = false;

  /** `kind`: 'list' or 'diff'; `node`: where it connects, as long as that serves. */
  static async of(stand, { user, kind = 'list', node, transports = 'websocket' }) {
    const client = new Client();
    client.#stand = stand;
    Object.assign(client, { user, kind, node, transports });
    client.#url = `http://127.0.0.1:${await stand.wires.listen(() => client.#leads())}`;
    return client;
  }

  #leads() {
    const seat = this.#stand.seatFor(this.node);
    if (!seat) return undefined;
    if (this.wanted && !this.span?.lives) this.#tries(seat);
    return { port: seat.port, tag: this.#tag };
  }

  /** From here on there may be a socket at that node, whatever the client hears. Polling takes several connections for one. */
  #tries({ index, process }) {
    if (this.span?.gone === undefined && this.span?.process === process) return;
    this.#parts('closed');
    const { kind, user } = this;
    this.span = this.#stand.timeline.opens(new Span({ person: user.id, kind, node: index, process, opened: now() }));
  }

  #parts(how) {
    if (!this.span) return;
    this.span.ends(how, now());
    this.span.gone ??= now();
  }

  get connected() {
    return this.span?.lives ?? false;
  }

  get ended() {
    return this.span === undefined || this.span.gone !== undefined;
  }

  opens() {
    // One that had resigned may still hear of its end.
    this.#drops();
    this.wanted = true;
    const { user, kind } = this;
    this.socket = io(this.#url, {
      forceNew: true,
      transports: KINDS[this.transports].transports,
      extraHeaders: { cookie: user.cookie },
      ...(kind === 'diff' && { auth: { presence: 'diff' } }),
      ...RECONNECTION,
    });
    // What was buffered while it connected comes before `connect`.
    const begins = () => (this.span.from ??= now());
    this.socket.on('connect', begins);
    this.socket.on('disconnect', () => this.#parts(this.#stand.fateOf(this.span.process) ?? 'lost'));
    this.socket.on('connect_error', (error) => {
      if (this.wanted && !this.socket.active)
        this.#stand.complains(`${this.#stand.timeline.named(user.id)} is refused for good: ${error.message}`);
    });
    this.socket.onAny((event, ...args) => {
      begins();
      const note = this.#reads(event, args);
      if (note) this.span.notes.push({ at: now(), trails: typeof args.at(-1) === 'string', ...note });
    });
  }

  #reads(event, args) {
    const [body, position] = args;
    switch (event) {
      case 'getOnlineUsers':
        return {
          what: 'list',
          online: new Set(body),
          position,
          bytes: Buffer.byteLength(JSON.stringify([event, ...args])) + '42'.length,
        };
      case 'presence:snapshot':
        this.#expects(body.scope === 'everyone', event, body);
        return { what: 'snapshot', online: new Set(body.online), state: body.state, position: body.position };
      case 'presence':
        this.#expects(
          body.offline.every(({ lastSeen }) => lastSeen === null || !Number.isNaN(Date.parse(lastSeen))),
          event,
          body,
        );
        return { what: 'changes', online: new Set(body.online), offline: new Set(body.offline.map(({ id }) => id)) };
      case 'presence:state':
        this.#expects(['known', 'unknown'].includes(body.state), event, body);
        return { what: 'state', state: body.state };
      case 'typing':
        this.#expects(typeof body.typing === 'boolean' && body.userId !== undefined, event, body);
        return { what: 'typing' };
      default:
        return undefined;
    }
  }

  #expects(good, event, body) {
    if (!good) this.#stand.complains(`a ${event} that nobody can use: ${JSON.stringify(body)}`);
  }

  closes(how = 'closed') {
    this.wanted = false;
    this.#parts(how);
    this.#drops();
  }

  #drops() {
    this.socket?.removeAllListeners();
    this.socket?.close();
  }

  /** A new page in the same place: nothing of the old one is left. */
  reopens() {
    this.closes();
    this.opens();
  }

  /** Out of the network, without a word to anybody, and not back. */
  vanishes() {
    this.span?.ends('vanished', now());
    this.#stand.wires.vanish(this.#tag);
    this.closes('vanished');
  }

  /** Its connection is reset; the client comes back by itself. */
  blips() {
    if (!this.connected) return;
    this.span.ends('cut', now());
    this.#stand.wires.reset(this.#tag);
  }

  /** The hub will close its socket, if there is one. */
  awaitsLogout() {
    if (!this.connected) this.closes();
    this.wanted = false;
    this.span?.ends('logout', now());
  }

  /** Will not come back when its connection ends. */
  resigns() {
    this.wanted = false;
    this.socket?.io.reconnection(false);
  }
}
