// People in bulk: sign-up hashes a password, which takes 20 ms of a core each.
import { createHmac, randomUUID } from 'node:crypto';

const base64 = (value) => Buffer.from(value).toString('base64url');

/** People that one statement makes: it is given to psql as an argument, which has a limit. */
export const CHUNK = 500;

/** A token as the hub and the stack that it replaces sign them. */
export function signed(secret, claims) {
  const text = `${base64('{"typ":"JWT","alg":"HS256"}')}.${base64(JSON.stringify(claims))}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const asText = (id) => `'${id}'`;
/** As SQLite has ids. */
export const asBytes = (id) => `X'${id.replaceAll('-', '')}'`;

/** Puts people with a session each into the database. Answers `{id, token}` of each. */
export async function seed(sql, secret, count, literal = asText) {
  const people = [];
  while (people.length < count) people.push(...(await some(sql, secret, Math.min(CHUNK, count - people.length), literal)));
  return people;
}

async function some(sql, secret, count, literal) {
  const now = Math.floor(Date.now() / 1000);
  const expires = now + 86_400;
  const time = (seconds) => `'${new Date(seconds * 1000).toISOString().replace('Z', '+00:00')}'`;
  const people = Array.from({ length: count }, () => ({ id: randomUUID(), session: randomUUID() }));
  const rows = (row) => people.map(row).join(', ');
  const user = ({ id }, i) => `(${literal(id)}, 'Person ${i}', 'person ${i}', '${id}@example.org', '-', ${time(now)}, ${time(now)})`;
  await sql(`INSERT INTO users (id, full_name, name_folded, email, password_hash, created_at, updated_at) VALUES ${rows(user)}`);
  await sql(`INSERT INTO user_log (user_id) VALUES ${rows(({ id }) => `(${literal(id)})`)}`);
  const session = ({ id, session: own }) => `(${literal(own)}, ${literal(id)}, ${time(now)}, ${time(expires)})`;
  await sql(`INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES ${rows(session)}`);
  return people.map(({ id, session: sid }) => ({ id, token: signed(secret, { sub: id, sid, iat: now, exp: expires }) }));
}
