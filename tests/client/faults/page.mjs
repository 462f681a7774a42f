// A page that shows messages: one Socket object over all its reconnects. Stock clients are used as they come; a client of ours
// is the same library that says its position when it connects.
import { io } from 'socket.io-client';

/** The ways in which clients connect. `sticky`: the balancer must keep it on one node. */
export const KINDS = {
  websocket: { transports: ['websocket'], sticky: false },
  upgrade: { transports: ['polling', 'websocket'], sticky: true },
  polling: { transports: ['polling'], sticky: true },
  own: { transports: ['websocket'], sticky: false, own: true },
};

export class Page {
  /** Each connect after the first: `{at, from, recovered, verdict}`. `from`: the last moment in which it heard anything. */
  reconnects = [];
  connectedAt = 0;
  heardAt = 0;
  disconnects = new Map(); // reason -> count
  refusals = []; // CONNECT_ERRORs and DISCONNECTs after which the client never comes back
  position; // what this client was told last, if it is ours
  #last = undefined;

  constructor({ user, kind, url, onMessage, reconnection = {} }) {
    const { own, transports } = KINDS[kind];
    Object.assign(this, { user, kind });
    this.socket = io(url, {
      forceNew: true,
      transports,
      ...reconnection,
      ...(own
        ? { auth: (answer) => answer({ token: user.token, ...(this.position !== undefined && { since: this.position }) }) }
        : { extraHeaders: { cookie: `jwt=${user.token}` } }),
    });
    this.socket.on('connect', () => this.#connected());
    this.socket.on('disconnect', (reason) => this.#disconnected(reason));
    this.socket.on('connect_error', (error) => {
      if (!this.socket.active) this.refusals.push(`connect_error: ${error.message}`);
    });
    this.socket.on('resume', (answer) => {
      const reconnect = this.reconnects.at(-1);
      if (reconnect && own) reconnect.verdict = answer;
    });
    this.socket.onAny((_event, ...args) => {
      this.heardAt = performance.now();
      const last = args.at(-1);
      if (own && typeof last === 'string') this.position = last;
    });
    this.socket.on('newMessage', (message, position) => onMessage(this, message, this.#numbers(position)));
  }

  /** The number in a position, and whether it comes after the one before it, as all of one log do. No position is no fault. */
  #numbers(position) {
    const [, epoch, number] = (/^(\d+)\.(\d+)$/.exec(position) ?? []).map(Number);
    if (number === undefined) return { follows: true };
    const last = this.#last;
    this.#last = { epoch, number };
    return { number, follows: last === undefined || epoch > last.epoch || (epoch === last.epoch && number > last.number) };
  }

  #connected() {
    const at = performance.now();
    if (this.connectedAt > 0) this.reconnects.push({ at, from: this.heardAt, recovered: this.socket.recovered, verdict: undefined });
    this.connectedAt = at;
    this.heardAt = at;
  }

  #disconnected(reason) {
    this.disconnects.set(reason, (this.disconnects.get(reason) ?? 0) + 1);
    if (!this.socket.active) this.refusals.push(`disconnect: ${reason}`);
  }

  /** Whether that reconnect promised that nothing was missed. */
  static isWhole({ recovered, verdict }) {
    return recovered || verdict?.verdict === 'current' || verdict?.verdict === 'resumed';
  }

  close() {
    this.socket.removeAllListeners();
    this.socket.close();
  }
}
