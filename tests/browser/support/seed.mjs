// Conversations in bulk, by SQL: sending ten thousand messages would take as long as all the stories.
import { run } from '../../client/faults/program.mjs';
import { seed } from '../../../bench/support/seed.mjs';
import { ofHub } from '../../../bench/scenarios/stored.mjs';

const sqlOf = (database) => (statement) =>
  run('psql', ['-qAt', '-v', 'ON_ERROR_STOP=1', database, '-c', statement], { timeout: 60_000, maxBuffer: 16 * 1024 * 1024 });

/** People `Person 0` and so on with a session each: `{id, token}`. */
export const people = (database, secret, count) => seed(sqlOf(database), secret, count);

/** A conversation of `count` messages between each two people, `message 1 of a conversation, as long as others` and so on. */
export async function conversations(database, pairs, count) {
  await sqlOf(database)(ofHub(pairs.map(([a, b]) => [a.id, b.id]), count));
}

export const sql = (database, statement) => sqlOf(database)(statement);
