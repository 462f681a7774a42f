// The hub's REST interface.
import type {
  Chat,
  LogInBody,
  Me,
  Message,
  Page,
  ProfileBody,
  PublicUser,
  ReadMark,
  SendBody,
  SignUpBody,
  SyncPage,
  UserPresence,
  Welcome,
} from './types';

/** Longer than the hub takes for the slowest answer; who waits longer waits for nothing. */
const PATIENCE = 60_000;

/** Why a call failed. `message` is for people, `code` for programs; a network failure has status 0 and the code `network`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    /** Seconds after which to try again, if the hub said so. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

export interface ApiOptions {
  /** Where the hub is; without it, where the page came from. */
  url?: string;
  /** The session's token, for clients without the cookie. */
  token?: string;
}

type Query = Record<string, string | number | undefined>;

/** REST, typed by the OpenAPI document. Every call rejects with an {@link ApiError}, or the signal's reason when it is aborted. */
export class Api {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor({ url = '', token }: ApiOptions = {}) {
    this.#url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  /** Makes an account and logs in. */
  signUp(body: SignUpBody, signal?: AbortSignal): Promise<Welcome> {
    return this.#ask('POST', '/api/auth/signup', body, signal);
  }

  logIn(body: LogInBody, signal?: AbortSignal): Promise<Welcome> {
    return this.#ask('POST', '/api/auth/login', body, signal);
  }

  /** Ends the session, and closes its sockets everywhere. */
  async logOut(signal?: AbortSignal): Promise<void> {
    await this.#ask('POST', '/api/auth/logout', undefined, signal);
  }

  me(signal?: AbortSignal): Promise<Me> {
    return this.#ask('GET', '/api/auth/check', undefined, signal);
  }

  updateProfile(body: ProfileBody, signal?: AbortSignal): Promise<Me> {
    return this.#ask('PUT', '/api/auth/update-profile', body, signal);
  }

  /** With whom I have exchanged messages, the latest first. */
  chats(page: { limit?: number | undefined; cursor?: string | undefined } = {}, signal?: AbortSignal): Promise<Page<Chat>> {
    return this.#page('/api/messages/chats', page, 'cursor', signal);
  }

  /** Everybody but me; `q`: those with it in their name. */
  contacts(
    page: { limit?: number | undefined; cursor?: string | undefined; q?: string | undefined } = {},
    signal?: AbortSignal,
  ): Promise<Page<PublicUser>> {
    return this.#page('/api/messages/contacts', page, 'cursor', signal);
  }

  /** A page of the messages with somebody, oldest first, the newest page without `before`; `next` leads to the older page. */
  history(
    userId: string,
    page: { limit?: number | undefined; before?: string | undefined } = {},
    signal?: AbortSignal,
  ): Promise<Page<Message>> {
    // Without parameters the hub would take the conversation for read.
    const { limit = 50, before } = page;
    return this.#page(`/api/messages/${encodeURIComponent(userId)}`, { limit, before }, 'before', signal);
  }

  /** Sends a message; with a `clientId`, a repetition stores nothing and gets the same answer. */
  send(receiverId: string, body: SendBody, signal?: AbortSignal): Promise<Message> {
    return this.#ask('POST', `/api/messages/send/${encodeURIComponent(receiverId)}`, body, signal);
  }

  /** Marks the conversation with somebody as read up to a message. */
  markRead(userId: string, upTo: string, signal?: AbortSignal): Promise<ReadMark> {
    return this.#ask('POST', `/api/messages/${encodeURIComponent(userId)}/read`, { upTo }, signal);
  }

  /** Who of these is online; up to 100 people. */
  presence(ids: readonly string[], signal?: AbortSignal): Promise<UserPresence[]> {
    return this.#ask('GET', `/api/users/presence${query({ ids: ids.join(',') })}`, undefined, signal);
  }

  /** What changed for me since a position; without one, where the log ends. */
  sync(page: { since?: string | undefined; limit?: number | undefined } = {}, signal?: AbortSignal): Promise<SyncPage> {
    return this.#ask('GET', `/api/sync${query(page)}`, undefined, signal);
  }

  async #page<T>(path: string, page: Query, cursor: string, signal: AbortSignal | undefined): Promise<Page<T>> {
    const response = await this.#fetch('GET', path + query(page), undefined, signal);
    const items: T[] = await parsed(response, signal);
    const next = nextCursor(response.headers.get('link'), cursor);
    return next === undefined ? { items } : { items, next };
  }

  async #ask<T>(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<T> {
    return parsed<T>(await this.#fetch(method, path, body, signal), signal);
  }

  async #fetch(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
    const headers = new Headers({ accept: 'application/json' });
    if (body !== undefined) headers.set('content-type', 'application/json');
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`);
    const reach = this.#url === '' ? 'same-origin' : 'include';
    const patience = AbortSignal.timeout(PATIENCE);
    const init: RequestInit = {
      method,
      headers,
      // For the hub a cookie counts more than a token, and it may be somebody else's.
      credentials: this.#token === undefined ? reach : 'omit',
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response: Response;
    try {
      response = await fetch(this.#url + path, init);
    } catch (cause) {
      throw unreachable(cause, signal);
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

function query(parameters: Query): string {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}

async function parsed<T>(response: Response, signal: AbortSignal | undefined): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (cause) {
    throw unreachable(cause, signal);
  }
}

function unreachable(cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  return Object.assign(new ApiError('The server cannot be reached. Check your connection.', 0, 'network'), { cause });
}

/** An answer that isn't a success. What a proxy in between says may be no JSON. */
async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const said = (name: string): string | undefined => {
    const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const wait = Number(response.headers.get('retry-after') ?? NaN);
  return new ApiError(
    said('message') ?? `The server answered with an error (${response.status}). Try again later.`,
    response.status,
    said('code') ?? `http.${response.status}`,
    Number.isFinite(wait) && wait >= 0 ? wait : undefined,
  );
}

function nextCursor(link: string | null, parameter: string): string | undefined {
  const target = link?.match(/<([^>]*)>\s*;[^,]*rel="?next"?/)?.[1];
  if (target === undefined) return undefined;
  return new URL(target, 'http://hub.invalid').searchParams.get(parameter) ?? undefined;
}
