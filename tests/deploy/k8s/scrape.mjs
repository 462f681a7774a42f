// scrape.mjs BINARY FILE: starts hubbub alone on SQLite, does a little of everything with it, and writes what /metrics answers to the file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [binary, file] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'hubbub-scrape.'));
const env = { PATH: process.env.PATH, DATABASE_URL: `sqlite://${folder}/hubbub.db`, PORT: '0', OPS_PORT: '0', RUST_LOG: 'warn',
  HUBBUB__HTTP__HOST: '127.0.0.1', HUBBUB__OPS__HOST: '127.0.0.1', HUBBUB__DRAIN__NOTICE: '0s', HUBBUB__DRAIN__SPREAD: '0s', HUBBUB__DRAIN__FINISH: '2s' };
const hub = spawn(binary, ['serve'], { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
const ended = once(hub, 'exit');
// Whatever happens, it does not outlive this.
process.on('exit', () => hub.kill('SIGKILL'));
const patience = setTimeout(() => {
  console.error('hubbub gave no scrape within 60 s');
  process.exit(1);
}, 60_000);

const addresses = {};
for await (const line of createInterface(hub.stdout)) {
  const found = /^(ops|hubbub) listens on (\S+)$/.exec(line);
  if (found) addresses[found[1]] = found[2];
  if (addresses.ops && addresses.hubbub) break;
}
if (!addresses.hubbub) throw new Error('hubbub does not start');
hub.stdout.resume();

const signal = AbortSignal.timeout(50_000);
async function api(path, body, cookie, method = 'POST') {
  const headers = { ...(cookie && { cookie }), ...(body && { 'content-type': 'application/json' }) };
  const answer = await fetch(`${addresses.hubbub}/api/${path}`, { method, headers, body: body && JSON.stringify(body), signal });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return { cookie: answer.headers.get('set-cookie')?.split(';')[0], body: await answer.json() };
}
const [ada, ben] = await Promise.all(['ada', 'ben'].map((name) => api('auth/signup', { fullName: name, email: `${name}@example.com`, password: 'a long password' })));

// Engine.IO by polling, as the stock client begins: open, CONNECT, and the answers until the message has come.
const socket = `${addresses.hubbub}/socket.io/?EIO=4&transport=polling`;
const headers = { cookie: ben.cookie };
const { sid } = JSON.parse((await (await fetch(socket, { headers, signal })).text()).slice(1));
const session = `${socket}&sid=${sid}`;
await fetch(session, { method: 'POST', headers, body: '40', signal });
let heard = '';
const poll = async () => (heard += await (await fetch(session, { headers, signal })).text());
while (!heard.includes('40{')) await poll();
await api(`messages/send/${ben.body._id}`, { text: 'hello' }, ada.cookie);
while (!heard.includes('newMessage')) await poll();

await writeFile(file, await (await fetch(`${addresses.ops}/metrics`, { signal })).text());
hub.kill('SIGTERM');
const [code] = await ended;
await rm(folder, { recursive: true });
clearTimeout(patience);
if (code !== 0) throw new Error(`hubbub ended with ${code}`);
