// A WebSocket by hand: for thousands of sockets at once, which as stock clients would need more memory and time than what is measured.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

/** The hub's ping as it comes, and the message as a client must send it: masked. Here the mask is nothing but zeros. */
export const PING = Buffer.from([0x81, 1, 0x32]);

export function frame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? [0x81, 0x80 | payload.length] : [0x81, 0x80 | 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

/**
 * Opens a WebSocket and says CONNECT with that token. `connected` is called once it is answered, `refused` with what a CONNECT_ERROR says. Pings are
 * answered for as long as `data` listeners stay; `heard` gets what comes after CONNECT.
 */
export function rawSocket(url, token, { connected, refused, heard = () => {} }) {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const head = ['GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket'];
  head.push('Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, '', '');
  socket.write(head.join('\r\n'));
  let seen = '';
  let stage = 'opening';
  socket.on('data', (chunk) => {
    if (chunk.includes(PING)) socket.write(frame('3'));
    if (stage === 'connected') {
      heard(chunk);
      return;
    }
    seen += chunk.toString('latin1');
    if (stage === 'opening' && seen.includes('"sid"')) {
      stage = 'asking';
      socket.write(frame(`40${JSON.stringify({ token })}`));
    }
    if (stage === 'asking' && seen.includes('40{')) {
      stage = 'connected';
      seen = '';
      connected();
    } else if (stage === 'asking' && seen.includes('44{')) {
      refused(seen.slice(seen.indexOf('44{')));
    } else if (stage === 'opening' && /^HTTP\/1\.1 [45]/.test(seen)) {
      refused(seen.split('\r\n')[0]);
    }
  });
  return socket;
}
