// A process full of sockets that only listen: its first line of input says `{count, urls, tokens}`. Raw TCP, since thousands of stock
// clients would need more memory and time than what they measure. Says `{connected}` when all are there, and on each further line that it
// is given how many messages came since.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { rawSocket } from '../../tests/client/support/raw.mjs';

const lines = createInterface(process.stdin);
const [order] = await once(lines, 'line');
const { count, urls, tokens } = JSON.parse(order);
const AT_ONCE = 100;
const MESSAGE = Buffer.from('42["newMessage"');
let begun = 0;
let connected = 0;
let ended = 0;
let messages = 0;

const say = (what) => console.log(JSON.stringify(what));

function arrived() {
  connected += 1;
  if (begun < count) open((begun += 1) - 1);
  if (connected === count) say({ connected });
}

function heard(chunk) {
  for (let at = chunk.indexOf(MESSAGE); at >= 0; at = chunk.indexOf(MESSAGE, at + 1)) messages += 1;
}

function open(i) {
  const socket = rawSocket(urls[i % urls.length], tokens[i % tokens.length], { connected: arrived, refused: (why) => say({ error: why }), heard });
  socket.on('error', (error) => say({ error: error.message }));
  socket.on('close', () => (ended += 1));
}

while (begun < Math.min(AT_ONCE, count)) open((begun += 1) - 1);
lines.on('line', () => {
  say({ messages, ended });
  messages = 0;
});
