// What a deployment stands on: a database of its own in the PostgreSQL that tests/services/with.sh started, and a Redis prefix.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with \`make test-client\``);
  return value;
}

async function sql(statement) {
  await run('psql', ['-qAt', '-v', 'ON_ERROR_STOP=1', required('HUBBUB_TEST_POSTGRES'), '-c', statement], { timeout: 30_000 });
}

/** An empty PostgreSQL database, and how to drop it. */
export async function freshDatabase() {
  const name = `client_${randomUUID().replaceAll('-', '')}`;
  await sql(`CREATE DATABASE ${name}`);
  const url = new URL(required('HUBBUB_TEST_POSTGRES'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** The shared Redis with a prefix that nobody else uses. */
export function freshRedis() {
  return { url: required('HUBBUB_TEST_REDIS'), prefix: `client-${randomUUID()}` };
}

/** The settings that nodes of one cluster share, on an empty database, a Redis prefix and a folder for images; and how to drop the database. */
export async function freshCluster(folder) {
  const database = await freshDatabase();
  const redis = freshRedis();
  const media = join(folder, 'media');
  await mkdir(media);
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    HUBBUB__REDIS__PREFIX: redis.prefix,
    HUBBUB__MEDIA__URL: `file://${media}`,
    HUBBUB__MEDIA__SHARED: 'true',
    HUBBUB__DATABASE__MIGRATE_ON_START: 'true',
  };
  return { env, drop: database.drop };
}
