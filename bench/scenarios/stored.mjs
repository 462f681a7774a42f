// Conversations that are there already: messages as if they had been sent over the last day, one a second, by both sides in turn.
const key = (a, b) => [a, b].map((id) => id.replaceAll('-', '')).sort().join(':');
const TEXT = `'message ' || n || ' of a conversation, as long as others'`;
const TIME = `now() - interval '1 day' + n * interval '1 second'`;
const sides = (a, b) => `CASE WHEN n % 2 = 0 THEN '${a}'::uuid ELSE '${b}'::uuid END`;

/** A conversation of two people of the hub who are not connected, with the entries in their logs. */
export const ofHub = (a, b, count) => `
  WITH begun AS (SELECT gen_random_uuid() AS id),
  said AS (
    INSERT INTO messages (id, conversation_id, number, sender_id, receiver_id, text, created_at, updated_at)
    SELECT gen_random_uuid(), begun.id, n, ${sides(a, b)}, ${sides(b, a)}, ${TEXT}, ${TIME}, ${TIME}
    FROM begun, generate_series(1, ${count}) n RETURNING id, conversation_id, number, created_at),
  made AS (
    INSERT INTO conversations (id, kind, direct_key, last_number, last_message_id, last_at, created_at)
    SELECT conversation_id, 1, '${key(a, b)}', number, id, created_at, created_at FROM said WHERE number = ${count}),
  counted AS (
    UPDATE user_log SET seq = seq + ${count} WHERE user_id IN ('${a}', '${b}') RETURNING user_id, seq - ${count} AS before),
  logged AS (
    INSERT INTO user_events (user_id, seq, kind, ref, created_at)
    SELECT user_id, before + number, 1, said.id, created_at FROM counted, said)
  INSERT INTO members (conversation_id, user_id) SELECT begun.id, who::uuid FROM begun, unnest(ARRAY['${a}', '${b}']) who`;

/** The same of the Node original. */
export const ofPeer = (a, b, count) => `
  INSERT INTO messages (sender_id, receiver_id, text, created_at, updated_at)
  SELECT ${sides(a, b)}, ${sides(b, a)}, ${TEXT}, ${TIME}, ${TIME} FROM generate_series(1, ${count}) n`;

/** Not while something is measured. */
export async function settles(postgres, database) {
  for (const statement of ['VACUUM ANALYZE', 'CHECKPOINT']) await postgres.sql(statement, database);
}
