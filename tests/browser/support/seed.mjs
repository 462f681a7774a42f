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
  await sqlOf(database)(
    ofHub(
      pairs.map(([a, b]) => [a.id, b.id]),
      count,
    ),
  );
}

export const sql = (database, statement) => sqlOf(database)(statement);

/** A conversation of one message with everybody else, who wrote it to `me`; the latest a minute ago, the others a minute apart. */
export async function conversationsWithAll(database, me) {
  await sqlOf(database)(`
    WITH given AS (SELECT gen_random_uuid() AS id, id AS who, row_number() OVER (ORDER BY id) AS n FROM users WHERE id <> '${me.id}'),
    said AS (
      INSERT INTO messages (id, conversation_id, number, sender_id, receiver_id, text, created_at, updated_at)
      SELECT gen_random_uuid(), id, 1, who, '${me.id}', 'hello number ' || n, ${MINUTES_AGO}, ${MINUTES_AGO} FROM given
      RETURNING id, conversation_id, created_at),
    told AS (SELECT said.id AS message, created_at, given.* FROM said JOIN given ON given.id = conversation_id),
    made AS (
      INSERT INTO conversations (id, kind, direct_key, last_number, last_message_id, last_at, created_at)
      SELECT id, 1, least(a, b) || ':' || greatest(a, b), 1, message, created_at, created_at
      FROM told, LATERAL (SELECT ${hex('who::text')} AS a, ${hex(`'${me.id}'`)} AS b) keys),
    counted AS (
      UPDATE user_log SET seq = seq + CASE WHEN user_id = '${me.id}' THEN (SELECT count(*) FROM given) ELSE 1 END RETURNING user_id, seq),
    logged AS (
      INSERT INTO user_events (user_id, seq, kind, ref, created_at)
      SELECT user_id, CASE WHEN user_id = '${me.id}' THEN seq - n + 1 ELSE seq END, 1, message, created_at
      FROM counted JOIN told ON user_id IN (who, '${me.id}'))
    INSERT INTO members (conversation_id, user_id) SELECT id, unnest(ARRAY[who, '${me.id}']) FROM given`);
}

const MINUTES_AGO = `now() - n * interval '1 minute'`;
const hex = (id) => `replace(${id}, '-', '') COLLATE "C"`;
