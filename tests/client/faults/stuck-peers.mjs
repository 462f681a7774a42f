// A process full of peers that say CONNECT and, when all are there, read nothing more: `node stuck-peers.mjs '{count, urls, tokens}'`.
// Says `connected N` as it goes on, and stays until it is ended.
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';

const { count, urls, tokens } = JSON.parse(process.argv[2]);
const AT_ONCE = 100;
let begun = 0;
let connected = 0;

/** A text frame as a client must send it: masked. Here the mask is nothing but zeros. */
function frame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? [0x81, 0x80 | payload.length] : [0x81, 0x80 | 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

const sockets = [];
const PING = Buffer.from([0x81, 1, 0x32]);

/** Says CONNECT, and answers pings until all of them are there; then nobody reads anything any more. */
function opens(i) {
  const { hostname, port, host } = new URL(urls[i % urls.length]);
  const socket = connect({ host: hostname, port: Number(port) });
  sockets.push(socket);
  const lines = ['GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket'];
  lines.push('Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, '', '');
  socket.write(lines.join('\r\n'));
  let seen = '';
  let stage = 'opening';
  socket.on('data', (chunk) => {
    if (stage === 'connected') {
      if (chunk.includes(PING)) socket.write(frame('3'));
      return;
    }
    seen += chunk.toString('latin1');
    if (stage === 'opening' && seen.includes('"sid"')) {
      stage = 'asking';
      socket.write(frame(`40${JSON.stringify({ token: tokens[i % tokens.length] })}`));
    }
    if (chunk.includes(PING)) socket.write(frame('3'));
    if (stage === 'asking' && seen.includes('40{')) {
      stage = 'connected';
      seen = '';
      arrived();
    } else if (stage === 'asking' && seen.includes('44{')) {
      console.log(`refused: ${seen.slice(seen.indexOf('44{'))}`);
      process.exit(1);
    }
  });
  socket.on('error', (error) => console.log(`peer ${i}: ${error.message}`));
}

function arrived() {
  connected += 1;
  if (begun < count) opens((begun += 1) - 1);
  if (connected === count) {
    for (const socket of sockets) {
      socket.removeAllListeners('data');
      socket.pause();
    }
  }
  if (connected % 500 === 0 || connected === count) console.log(`connected ${connected}`);
}

while (begun < Math.min(AT_ONCE, count)) opens((begun += 1) - 1);
setInterval(() => {}, 60_000);
