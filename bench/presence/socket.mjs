// A WebSocket that reads exactly and costs little: thousands of them share the cores with what is measured.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { frame } from '../../tests/client/support/raw.mjs';
import { Frames } from './frames.mjs';

const PONG = frame('3');
const TEXT = 1;
const CLOSE = 8;
/** All sockets read into the same memory: each is done with it before the next one reads. */
const memory = Buffer.alloc(1 << 18);

/** How each kind of client says who it is: headers of the request, and what CONNECT brings. */
const ENTRIES = {
  list: (token) => ({ auth: { token } }),
  diff: (token) => ({ auth: { token, presence: 'diff' } }),
  cookie: (token) => ({ headers: [`Cookie: jwt=${token}`] }),
};

/**
 * Opens a socket of a person. `connected` is called once CONNECT is answered, `heard` with every Engine.IO packet, `ended` with why when
 * it is over.
 */
export function open(url, kind, token, { connected, heard, ended }) {
  const { hostname, port, host } = new URL(url);
  const { auth, headers = [] } = ENTRIES[kind](token);
  const frames = new Frames();
  let [head, why] = ['', 'closed'];

  function packet(opcode, payload) {
    if (opcode === CLOSE) why = `close ${payload.length >= 2 ? payload.readUInt16BE(0) : ''} ${payload.subarray(2)}`;
    if (opcode !== TEXT) return;
    heard(payload);
    const kind = payload.toString('latin1', 0, 2);
    if (kind === '2') socket.write(PONG);
    else if (kind === '0{') socket.write(frame(`40${auth ? JSON.stringify(auth) : ''}`));
    else if (kind === '40') connected();
    else if (kind === '44') socket.destroy(new Error(payload.toString()));
  }

  function took(length) {
    const chunk = memory.subarray(0, length);
    if (head === undefined) {
      frames.reads(chunk, packet);
      return true;
    }
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return true;
    const rest = Buffer.from(head.slice(end + 4), 'latin1');
    if (head.startsWith('HTTP/1.1 101')) frames.reads(rest, packet);
    else socket.destroy(new Error(head.split('\r\n')[0]));
    head = undefined;
    return true;
  }

  const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread: { buffer: memory, callback: took } });
  socket.on('error', (error) => (why = error.message));
  socket.on('close', () => ended(why));
  const key = `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`;
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key];
  socket.write(['GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', `Host: ${host}`, ...upgrade, ...headers, '', ''].join('\r\n'));
  return socket;
}
