// What is put to the test: hubbub, or the stack that it replaces. Both speak the same REST and Socket.IO.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, until } from './program.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const SECRET = 'a secret for the fault suite only, and long enough';

// Everybody comes from one address, and sends more than a person would.
const WITHOUT_LIMITS = Object.fromEntries(
  ['SEND', 'EVENT', 'ADMISSION', 'HANDSHAKE', 'SIGN_UP', 'FAILED_LOG_IN'].map((limit) => [`HUBBUB__LIMITS__${limit}__BURST`, '0']),
);

// As by default, only sooner: for runs of a minute.
const SOONER = {
  HUBBUB__CLUSTER__BEAT: '500ms',
  HUBBUB__CLUSTER__LEASE: '2s',
  HUBBUB__CLUSTER__DATABASE_BEAT: '1s',
  HUBBUB__CLUSTER__BEACON: '300ms',
  HUBBUB__CLUSTER__DEAF_AFTER: '1s',
  HUBBUB__REALTIME__SWEEP_INTERVAL: '1s',
};

// A peer that vanished is noticed after 18 s instead of 45: at this rate it would have missed more than a socket replays.
export const PINGS = { default: { interval: 10, timeout: 8 }, short: { interval: 3, timeout: 3 } };

// A rolling restart of three nodes with the default would take a minute and be one fault.
const QUICK_DRAIN = { HUBBUB__DRAIN__NOTICE: '600ms', HUBBUB__DRAIN__SPREAD: '1500ms', HUBBUB__DRAIN__FINISH: '5s' };

/** `timings`: 'default' or 'short'. `repair: false` is the control, which must lose messages. */
function hubbub({ timings = 'default', repair = true, env = {} } = {}) {
  const binary = process.env.HUBBUB_BIN ?? join(root, 'target/debug/hubbub');
  return {
    name: 'hubbub',
    binary,
    command: [binary, 'serve'],
    listens: { url: /^hubbub listens on (http:\S+)$/, opsUrl: /^ops listens on (http:\S+)$/ },
    // What a send with a `clientId` promises, who is shown a message, and what there is to build on.
    idempotent: true,
    showsSender: true,
    ownClients: true,
    hasLogs: true,
    environment: async (folder, urls, index) => {
      const media = join(folder, 'media');
      await mkdir(media, { recursive: true });
      return {
        PORT: '0',
        OPS_PORT: '0',
        JWT_SECRET: SECRET,
        HUBBUB__HTTP__HOST: '127.0.0.1',
        HUBBUB__OPS__HOST: '127.0.0.1',
        RUST_BACKTRACE: '1',
        RUST_LOG: 'info',
        // Every second node works with one thread, the others with several: they are different schedulers.
        ...(index % 2 === 1 && { HUBBUB__RUNTIME__WORKER_THREADS: '1' }),
        ...WITHOUT_LIMITS,
        ...QUICK_DRAIN,
        HUBBUB__REALTIME__PING_INTERVAL: `${PINGS[timings].interval}s`,
        HUBBUB__REALTIME__PING_TIMEOUT: `${PINGS[timings].timeout}s`,
        ...(timings === 'short' ? SOONER : {}),
        ...(urls.database && {
          DATABASE_URL: urls.database,
          REDIS_URL: urls.redis,
          HUBBUB__MEDIA__URL: `file://${media}`,
          HUBBUB__MEDIA__SHARED: 'true',
          HUBBUB__DATABASE__MIGRATE_ON_START: 'true',
        }),
        ...(repair ? {} : { HUBBUB__REALTIME__REPAIR: 'false' }),
        ...env,
      };
    },
  };
}

/** `adapter`: redis, sharded or streams (the only one with connection state recovery). */
function node({ adapter = process.env.ADAPTER ?? 'redis', timings = 'default', env = {} } = {}) {
  return {
    name: `node-${adapter}`,
    command: [process.execPath, join(root, 'bench/node-peer/server.js')],
    listens: { url: /^listens on (http:\S+)$/ },
    idempotent: false,
    showsSender: false,
    ownClients: false,
    environment: async (_folder, urls) => ({
      PORT: '0',
      ADAPTER: adapter,
      DATABASE_URL: urls.database,
      REDIS_URL: urls.redis,
      JWT_SECRET: SECRET,
      BCRYPT_COST: '4',
      PING_INTERVAL: String(PINGS[timings].interval * 1_000),
      PING_TIMEOUT: String(PINGS[timings].timeout * 1_000),
      NODE_ENV: 'production',
      ...env,
    }),
  };
}

export function systemNamed(name, options) {
  const systems = { hubbub, node };
  if (!systems[name]) throw new Error(`SYSTEM=${name}: choose one of ${Object.keys(systems).join(', ')}`);
  return systems[name](options);
}

/** One node of a system. It may die and start again; its place in the cluster, `index`, stays. */
export class Member {
  constructor(system, index, { folder, urls, logs }) {
    Object.assign(this, { system, index, folder, urls });
    this.logFile = logs && join(logs, `node-${index}.log`);
    /** How it was asked to end: a death that nobody asked for is a defect. */
    this.asked = false;
    this.unasked = [];
  }

  async start() {
    const env = { PATH: process.env.PATH, HOME: this.folder, TMPDIR: this.folder, ...(await this.system.environment(this.folder, this.urls, this.index)) };
    const found = {};
    const onLine = (line) => {
      if (process.env.HUBBUB_TEST_LOG) console.error(`node ${this.index}: ${line}`);
      for (const [what, pattern] of Object.entries(this.system.listens)) found[what] ??= pattern.exec(line)?.[1];
    };
    const [command, ...args] = this.system.command;
    const program = new Program(command, args, { cwd: this.folder, env, onLine, logFile: this.logFile });
    this.asked = false;
    program.exit.then((exit) => {
      if (!this.asked && this.program === program) this.unasked.push({ ...exit, log: program.log });
    });
    this.program = program;
    const listens = () => {
      if (!program.alive) throw new Error(`node ${this.index} ended at start, ${JSON.stringify(program.ended)}:\n${program.log}`);
      return Object.keys(this.system.listens).every((what) => found[what]);
    };
    await until(listens, 60_000, () => `node ${this.index} listens\n${program.log}`, 10);
    this.url = found.url;
    this.opsUrl = found.opsUrl;
    this.port = Number(new URL(this.url).port);
  }

  get alive() {
    return this.program?.alive ?? false;
  }

  async kill(signal = 'SIGKILL') {
    this.asked = true;
    return this.program.stop(signal, 60_000);
  }
}
