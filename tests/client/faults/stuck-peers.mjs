// A process full of peers that say CONNECT and, when all are there, read nothing more: `node stuck-peers.mjs '{count, urls, tokens}'`.
// Says `connected N` as it goes on, and stays until it is ended.
import { rawSocket } from '../support/raw.mjs';

const { count, urls, tokens } = JSON.parse(process.argv[2]);
const AT_ONCE = 100;
let begun = 0;
let connected = 0;
const sockets = [];

/** Says CONNECT, and answers pings until all of them are there; then nobody reads anything any more. */
function opens(i) {
  const refused = (why) => {
    console.log(`refused: ${why}`);
    process.exit(1);
  };
  const socket = rawSocket(urls[i % urls.length], tokens[i % tokens.length], { connected: arrived, refused });
  sockets.push(socket);
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
