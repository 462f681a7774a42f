// Express 5 and Socket.IO on several nodes: the stack that hubbub replaces. See README.md for the variables.
import { createSecretKey, randomUUID } from 'node:crypto';
import http from 'node:http';
import express from 'express';
import { Server } from 'socket.io';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { accounts, identify } from './accounts.js';
import { Database } from './database.js';
import { Presence } from './presence.js';

const { PORT = '0', HOST = '127.0.0.1', ADAPTER = 'redis', ONLINE = 'broadcast', BCRYPT_COST = '10', PG_POOL = '10' } = process.env;
const { PING_INTERVAL = '25000', PING_TIMEOUT = '20000' } = process.env;
for (const name of ['DATABASE_URL', 'REDIS_URL', 'JWT_SECRET']) {
  if (!process.env[name]) throw new Error(`${name} is not set`);
}
const log = (...parts) => console.error(new Date().toISOString(), ...parts);
// The adapters do not await what they publish: without this, a Redis that goes away would end the process.
process.on('unhandledRejection', (error) => log('unhandled', error?.message));

const database = await Database.opens({ url: process.env.DATABASE_URL, connections: Number(PG_POOL), log });

async function redisClient() {
  const client = createClient({ url: process.env.REDIS_URL });
  client.on('error', (error) => log('redis', error.message));
  await client.connect();
  return client;
}

const redis = await redisClient();

async function adapter() {
  switch (ADAPTER) {
    case 'redis':
      return createAdapter(await redisClient(), await redisClient());
    case 'sharded':
      return createShardedAdapter(await redisClient(), await redisClient());
    case 'streams':
      return createStreamsAdapter(redis, { maxLen: 10_000 });
    default:
      throw new Error(`ADAPTER=${ADAPTER}: redis, sharded or streams`);
  }
}

// A KeyObject: with a string, jsonwebtoken tries it as a public key first, at every request.
const key = createSecretKey(Buffer.from(process.env.JWT_SECRET));
const app = express().disable('x-powered-by').disable('etag');
const server = http.createServer({ keepAliveTimeout: 65_000, headersTimeout: 66_000 }, app);
const io = new Server(server, {
  adapter: await adapter(),
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  pingInterval: Number(PING_INTERVAL),
  pingTimeout: Number(PING_TIMEOUT),
  // Of the Redis adapters, the one on streams alone can recover a connection.
  ...(ADAPTER === 'streams' && { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } }),
});
const presence = new Presence({ redis, node: randomUUID(), log });

async function showsOnline(socket) {
  try {
    if (ONLINE === 'broadcast') io.emit('getOnlineUsers', await presence.list());
    if (ONLINE === 'self') socket?.emit('getOnlineUsers', await presence.list());
  } catch (error) {
    log('online', error.message);
  }
}

io.use((socket, next) => {
  identify(socket.handshake.headers.cookie, { database, key }).then((user) => {
    socket.data.userId = user._id;
    next();
  }, next);
});
io.on('connection', (socket) => {
  const { userId } = socket.data;
  socket.join(userId);
  presence.came(userId);
  showsOnline(socket);
  socket.on('disconnect', () => {
    presence.left(userId);
    showsOnline();
  });
});

app.use(express.json({ limit: '5mb' }));
app.use('/api/auth', accounts({ database, key, cost: Number(BCRYPT_COST) }));

const messages = express.Router();
messages.use(async (request, _response, next) => {
  request.user = await identify(request.headers.cookie, { database, key });
  next();
});
messages.get('/contacts', async ({ user }, response) => response.json(await database.contacts(user._id)));
messages.get('/chats', async ({ user }, response) => response.json(await database.chats(user._id)));
messages.get('/:id', async ({ user, params }, response) => response.json(await database.history(user._id, params.id)));
messages.post('/send/:id', async ({ user, params, body }, response) => {
  const { text, image } = body ?? {};
  if (!text && !image) return response.status(400).json({ message: 'Text or image is required.' });
  if (params.id === user._id) return response.status(400).json({ message: 'Cannot send messages to yourself.' });
  const message = await database.send(user._id, params.id, text, image);
  if (!message) return response.status(404).json({ message: 'Receiver not found.' });
  io.to(message.receiverId).emit('newMessage', message);
  return response.status(201).json(message);
});
app.use('/api/messages', messages);
app.use((error, _request, response, _next) => {
  const status = error.status ?? 500;
  if (status >= 500) log('request', error.message);
  response.status(status).json({ message: status >= 500 ? 'Internal server error' : error.message });
});

server.listen({ port: Number(PORT), host: HOST, backlog: 4096 }, () => {
  const { address, port } = server.address();
  console.log(`listens on http://${address}:${port}`);
});

async function stop() {
  setTimeout(() => process.exit(0), 3_000).unref();
  await presence.gone().catch(() => {});
  await io.close();
  await database.close().catch(() => {});
  process.exit(0);
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
