// Sign-up, log-in and who a cookie belongs to.
import bcrypt from 'bcryptjs';
import express from 'express';
import jwt from 'jsonwebtoken';

const WEEK = 7 * 24 * 3_600;

const refusal = (status, message) => Object.assign(new Error(message), { status });

/** The user of the session cookie; throws with the status and text of the contract. */
export async function identify(cookies, { database, key }) {
  const token = /(?:^|;\s*)jwt=([^;]+)/.exec(cookies ?? '')?.[1];
  if (!token) throw refusal(401, 'Unauthorized - No token provided');
  let claims;
  try {
    claims = jwt.verify(token, key);
  } catch {
    throw refusal(401, 'Unauthorized - Invalid token');
  }
  const user = await database.user(claims.userId);
  if (!user) throw refusal(404, 'User not found');
  return user;
}

export function accounts({ database, key, cost }) {
  const router = express.Router();
  const letsIn = (response, userId) =>
    response.cookie('jwt', jwt.sign({ userId }, key, { expiresIn: WEEK }), { maxAge: WEEK * 1_000, httpOnly: true, sameSite: 'strict' });

  router.post('/signup', async ({ body }, response) => {
    const { fullName, email, password } = body ?? {};
    if (!fullName || !email || !password) throw refusal(400, 'All fields are required');
    if (password.length < 6) throw refusal(400, 'Password must be at least 6 characters');
    if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) throw refusal(400, 'Invalid email format');
    const user = await database.addUser(fullName, email, await bcrypt.hash(password, cost));
    if (!user) throw refusal(400, 'Email already exists');
    letsIn(response, user._id).status(201).json(user);
  });

  router.post('/login', async ({ body }, response) => {
    const { email, password } = body ?? {};
    if (!email || !password) throw refusal(400, 'Email and password are required');
    const account = await database.account(email);
    if (!account || !(await bcrypt.compare(password, account.password))) throw refusal(400, 'Invalid credentials');
    const { password: _, ...user } = account;
    letsIn(response, user._id).json(user);
  });

  router.post('/logout', (_request, response) => response.clearCookie('jwt').json({ message: 'Logged out successfully' }));
  router.get('/check', async ({ headers }, response) => response.json(await identify(headers.cookie, { database, key })));
  return router;
}
