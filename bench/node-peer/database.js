// Users and messages in PostgreSQL. Statements have names, so that each connection prepares them once.
import pg from 'pg';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  full_name text NOT NULL, email text NOT NULL UNIQUE, password text NOT NULL, profile_pic text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS messages (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  sender_id uuid NOT NULL REFERENCES users (id), receiver_id uuid NOT NULL REFERENCES users (id), text text, image text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX IF NOT EXISTS messages_pair ON messages (sender_id, receiver_id, created_at);
CREATE INDEX IF NOT EXISTS messages_receiver ON messages (receiver_id, sender_id);`;

const USER = 'id AS "_id", full_name AS "fullName", email, profile_pic AS "profilePic"';
const MESSAGE = `id AS "_id", sender_id AS "senderId", receiver_id AS "receiverId", text, image,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

const STATEMENTS = {
  user: `SELECT ${USER} FROM users WHERE id = $1`,
  account: `SELECT ${USER}, password FROM users WHERE email = $1`,
  addUser: `INSERT INTO users (full_name, email, password) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING ${USER}`,
  contacts: `SELECT ${USER} FROM users WHERE id <> $1`,
  chats: `SELECT ${USER} FROM users WHERE id IN (
    SELECT receiver_id FROM messages WHERE sender_id = $1 UNION SELECT sender_id FROM messages WHERE receiver_id = $1)`,
  history: `SELECT ${MESSAGE} FROM messages
    WHERE (sender_id = $1 AND receiver_id = $2) OR (sender_id = $2 AND receiver_id = $1) ORDER BY created_at`,
  send: `INSERT INTO messages (sender_id, receiver_id, text, image) VALUES ($1, $2, $3, $4) RETURNING ${MESSAGE}`,
};

// Of PostgreSQL: a row refers to nothing; a text is no uuid.
const NOBODY = ['23503', '22P02'];

export class Database {
  #pool;

  static async opens({ url, connections, log }) {
    const database = new Database();
    database.#pool = new pg.Pool({ connectionString: url, max: connections, idleTimeoutMillis: 0, connectionTimeoutMillis: 5_000 });
    database.#pool.on('error', (error) => log('postgres', error.message));
    const client = await database.#pool.connect();
    try {
      // One node at a time.
      await client.query('BEGIN');
      await client.query('SELECT pg_advisory_xact_lock(7)');
      await client.query(SCHEMA);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    return database;
  }

  async #rows(name, values) {
    const { rows } = await this.#pool.query({ name, text: STATEMENTS[name], values });
    return rows;
  }

  async user(id) {
    return (await this.#rows('user', [id]))[0];
  }

  async account(email) {
    return (await this.#rows('account', [email]))[0];
  }

  /** Undefined: the address is taken. */
  async addUser(...values) {
    return (await this.#rows('addUser', values))[0];
  }

  contacts(me) {
    return this.#rows('contacts', [me]);
  }

  chats(me) {
    return this.#rows('chats', [me]);
  }

  history(me, other) {
    return this.#rows('history', [me, other]);
  }

  /** Undefined: there is no such receiver. */
  async send(from, to, text, image) {
    try {
      return (await this.#rows('send', [from, to, text || null, image || null]))[0];
    } catch (error) {
      if (NOBODY.includes(error.code)) return undefined;
      throw error;
    }
  }

  close() {
    return this.#pool.end();
  }
}
