// How figures are told: progress on the error output, tables in Markdown, and on what they were measured.
import { cpus, totalmem } from 'node:os';
import { run } from '../../tests/client/faults/program.mjs';

export const progress = (text) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);

export function table(head, rows) {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export const mib = (bytes) => (bytes / 2 ** 20).toFixed(0);
export const percent = (cpuSeconds, wall) => ((cpuSeconds / wall) * 100).toFixed(1);

/** Versions and the machine, in a line. */
export async function setting(binary, { postgres, redis }) {
  const { stdout: version } = await run(binary, ['--version']);
  const servers = `PostgreSQL ${await postgres.version()}, Redis ${await redis.primary.info('server', 'redis_version')}`;
  const machine = `${cpus().length} x ${cpus()[0].model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  return `${version.trim()}, ${servers}; ${machine}, load generator on the same cores`;
}
