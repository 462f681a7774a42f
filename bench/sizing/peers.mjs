// A process full of sockets that only listen: its first line of input says `{count, urls, tokens}`. Raw TCP, since thousands of stock
// clients would need more memory and time than what they measure. Says `{connected}` when all are there, and on each further line that it
// is given how many messages came since.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const lines = createInterface(process.stdin);
const [order] = await once(lines, 'line');
const { count, urls, tokens } = JSON.parse(order);
const AT_ONCE = 100;
const PING = Buffer.from([0x81, 1, 0x32]);
const MESSAGE = Buffer.from('42["newMessage"');
let begun = 0;
let connected = 0;
let ended = 0;
let messages = 0;

/** A text frame as a client must send it: masked. Here the mask is nothing but zeros. */
function frame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? [0x81, 0x80 | payload.length] : [0x81, 0x80 | 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

const say = (what) => console.log(JSON.stringify(what));

function open(i) {
  const { hostname, port, host } = new URL(urls[i % urls.length]);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const head = ['GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', 'Upgrade: websocket'];
  head.push('Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, '', '');
  socket.write(head.join('\r\n'));
  let seen = '';
  let stage = 'opening';
  socket.on('data', (chunk) => {
    if (chunk.includes(PING)) socket.write(frame('3'));
    if (stage === 'connected') {
      for (let at = chunk.indexOf(MESSAGE); at >= 0; at = chunk.indexOf(MESSAGE, at + 1)) messages += 1;
      return;
    }
    seen += chunk.toString('latin1');
    if (stage === 'opening' && seen.includes('"sid"')) {
      stage = 'asking';
      socket.write(frame(`40${JSON.stringify({ token: tokens[i % tokens.length] })}`));
    } else if (stage === 'asking' && seen.includes('40{')) {
      stage = 'connected';
      seen = '';
      connected += 1;
      if (begun < count) open((begun += 1) - 1);
      if (connected === count) say({ connected });
    }
  });
  socket.on('error', (error) => say({ error: error.message }));
  socket.on('close', () => (ended += 1));
}

while (begun < Math.min(AT_ONCE, count)) open((begun += 1) - 1);
lines.on('line', () => {
  say({ messages, ended });
  messages = 0;
});
