// The load generator (bench/load): a process that says in lines of JSON how far it is, and at the end what it found.
import { Program } from '../../tests/client/faults/program.mjs';
import { cpu, rss } from './meter.mjs';

/** What everything has used so far: CPU seconds, from /proc alone, so that looking costs next to nothing. */
function spent({ nodes, postgres, redis }) {
  return {
    at: performance.now() / 1000,
    nodes: nodes.reduce((sum, { program }) => sum + cpu(program.pid), 0),
    postgres: postgres ? cpu(postgres.program.pid, { family: true }) : 0,
    redis: redis ? cpu(redis.primary.program.pid) : 0,
  };
}

export const memory = ({ nodes }) => nodes.reduce((sum, { program }) => sum + rss(program.pid), 0);

export class Load {
  #program;
  #said = [];
  #heard = () => {};

  /** Starts it with these arguments; `people` is a file. */
  constructor(tool, people, args) {
    this.args = args;
    this.#program = new Program(tool, ['--people', people, ...args], { onLine: (line) => this.#hears(line) });
    this.#program.exit.then(() => this.#heard());
  }

  #hears(line) {
    if (!line.startsWith('{')) return;
    this.#said.push(JSON.parse(line));
    this.#heard();
  }

  /** The next line about this event; what it says before is passed over, or given to `others`. */
  async says(event, others = () => {}) {
    for (;;) {
      while (this.#said.length > 0) {
        const said = this.#said.shift();
        if (said.event === event) return said;
        others(said);
      }
      if (!this.#program.alive) throw new Error(`hubbub-load ${this.args.join(' ')}\nended without "${event}":\n${this.#program.log}`);
      await new Promise((heard) => (this.#heard = heard));
    }
  }

  /** What everything costs from one event to another. */
  async costs(world, from, to, others) {
    await this.says(from);
    const before = spent(world);
    await this.says(to, others);
    const after = spent(world);
    const [seconds, nodes, postgres, redis] = ['at', 'nodes', 'postgres', 'redis'].map((what) => after[what] - before[what]);
    return { seconds, nodes, postgres, redis, all: nodes + postgres + redis };
  }

  async result() {
    const result = await this.says('result');
    await this.#program.exit;
    return result;
  }

  ends() {
    return this.#program.stop('SIGKILL');
  }
}

/** Runs the tool for as long as `work` takes. */
export async function withLoad(tool, people, args, work) {
  const load = new Load(tool, people, args.map(String));
  try {
    return await work(load);
  } finally {
    await load.ends();
  }
}

/** What answers cost in a closed loop of requests, and how long they took. */
export async function answers(load, world) {
  const cost = await load.costs(world, 'begin', 'end');
  const result = await load.result();
  const { answer_ms: answer } = result;
  return {
    rate: result.answered_per_s, cpu: (cost.all / result.answered) * 1000, p50: answer.p50, p99: answer.p99, faults: result.failed,
    toolCpu: (result.cpu_s / result.answered) * 1e6, late: result.late_ticks,
  };
}
