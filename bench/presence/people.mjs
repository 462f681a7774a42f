// People who know each other: everybody has a conversation with twenty others. In bulk, since sign-up hashes passwords.
import { randomUUID } from 'node:crypto';
import { CHUNK, seed, signed } from '../support/seed.mjs';

/** Conversations of everybody: half of them begun with the next people of a ring, half with the ones before. */
export const PARTNERS = 20;

const byId = (a, b) => (a.id < b.id ? -1 : 1);

/** By their ids they form a ring, and so by no order in which they come: partners arrive scattered, on both nodes. */
function withPartners(people) {
  const ring = people.map(({ id }, person) => ({ id, person })).sort(byId);
  ring.forEach(({ person }, place) => {
    const steps = Array.from({ length: PARTNERS / 2 }, (_, i) => i + 1);
    const others = steps.flatMap((step) => [ring.at((place + step) % ring.length), ring.at(place - step)]);
    people[person].partners = others.map((other) => other.person);
  });
  return people;
}

/** The conversations of the people who have none yet, one message in each. */
const conversations = (count) => `
  WITH ring AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM users u
    WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.user_id = u.id)),
  pairs AS MATERIALIZED (
    SELECT gen_random_uuid() AS conversation, gen_random_uuid() AS message, one.id AS sender, two.id AS receiver,
      now() - random() * interval '1 day' AS at,
      replace(least(one.id, two.id)::text, '-', '') || ':' || replace(greatest(one.id, two.id)::text, '-', '') AS key
    FROM ring one CROSS JOIN generate_series(1, ${PARTNERS / 2}) step JOIN ring two ON two.place = (one.place + step) % ${count}),
  begun AS (
    INSERT INTO conversations (id, kind, direct_key, last_number, last_message_id, last_at, created_at)
    SELECT conversation, 1, key, 1, message, at, at FROM pairs),
  said AS (
    INSERT INTO messages (id, conversation_id, number, sender_id, receiver_id, text, created_at, updated_at)
    SELECT message, conversation, 1, sender, receiver, 'hello', at, at FROM pairs)
  INSERT INTO members (conversation_id, user_id) SELECT conversation, sender FROM pairs UNION ALL SELECT conversation, receiver FROM pairs`;

/** People of the hub. */
export async function hubbubPeople({ postgres, secret }, count) {
  if (count <= PARTNERS) throw new Error(`${count} people are too few for ${PARTNERS} partners each`);
  const people = withPartners(await seed((statement) => postgres.sql(statement), secret, count));
  await postgres.sql(conversations(count));
  // Not while something is measured.
  for (const statement of ['VACUUM ANALYZE', 'CHECKPOINT']) await postgres.sql(statement);
  return people;
}

/** People of bench/node-peer, who see everybody whomever they talk with. */
export async function peerPeople({ postgres, secret }, database, count) {
  const people = Array.from({ length: count }, () => ({ id: randomUUID(), partners: [] }));
  for (let from = 0; from < count; from += CHUNK) {
    const rows = people.slice(from, from + CHUNK).map(({ id }, i) => `('${id}', 'Person ${from + i}', '${id}@example.org', '-')`);
    await postgres.sql(`INSERT INTO users (id, full_name, email, password) VALUES ${rows.join(', ')}`, database);
  }
  const exp = Math.floor(Date.now() / 1000) + 86_400;
  return people.map((person) => ({ ...person, token: signed(secret, { userId: person.id, exp }) }));
}
