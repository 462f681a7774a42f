// Conversations that are there already: messages as if they had been sent over the last day, one a second, by both sides in turn.
const key = (a, b) => [a, b].map((id) => id.replaceAll('-', '')).sort().join(':');
const TEXT = `'message ' || n || ' of a conversation, as long as others'`;
const TIME = `now() - interval '1 day' + n * interval '1 second'`;
const sides = (a, b) => `CASE WHEN n % 2 = 0 THEN ${a} ELSE ${b} END`;

/** Conversations of two people of the hub each, with the entries in their logs. Nobody may be in two of them, or be connected. */
export const ofHub = (pairs, count) => `
  WITH pairs AS (
    SELECT gen_random_uuid() AS id, a::uuid, b::uuid, key FROM (VALUES
      ${pairs.map(([a, b]) => `('${a}', '${b}', '${key(a, b)}')`).join(', ')}) given (a, b, key)),
  belongs AS (SELECT id, who FROM pairs, unnest(ARRAY[a, b]) who),
  said AS (
    INSERT INTO messages (id, conversation_id, number, sender_id, receiver_id, text, created_at, updated_at)
    SELECT gen_random_uuid(), id, n, ${sides('a', 'b')}, ${sides('b', 'a')}, ${TEXT}, ${TIME}, ${TIME}
    FROM pairs, generate_series(1, ${count}) n RETURNING id, conversation_id, number, created_at),
  made AS (
    INSERT INTO conversations (id, kind, direct_key, last_number, last_message_id, last_at, created_at)
    SELECT pairs.id, 1, key, number, said.id, created_at, created_at FROM said JOIN pairs ON pairs.id = conversation_id WHERE number = ${count}),
  counted AS (
    UPDATE user_log SET seq = seq + ${count} FROM belongs WHERE user_id = who RETURNING user_id, belongs.id, seq - ${count} AS before),
  logged AS (
    INSERT INTO user_events (user_id, seq, kind, ref, created_at)
    SELECT user_id, before + number, 1, said.id, created_at FROM counted JOIN said ON conversation_id = counted.id)
  INSERT INTO members (conversation_id, user_id) SELECT id, who FROM belongs`;

/** The same of the Node original. */
export const ofPeer = (pairs, count) => `
  INSERT INTO messages (sender_id, receiver_id, text, created_at, updated_at)
  SELECT ${sides('a', 'b')}, ${sides('b', 'a')}, ${TEXT}, ${TIME}, ${TIME}
  FROM (VALUES ${pairs.map(([a, b]) => `('${a}'::uuid, '${b}'::uuid)`).join(', ')}) pairs (a, b), generate_series(1, ${count}) n`;

/** Not while something is measured. */
export async function settles(postgres, database) {
  for (const statement of ['VACUUM ANALYZE', 'CHECKPOINT']) await postgres.sql(statement, database);
}
