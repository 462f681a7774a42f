import { Api, ApiError } from '../../hub';
import { texts } from '../texts';

/** The one REST client of the application. */
export const api = new Api();

/** An error in words for people, with what to do. */
export function wordsFor(error: unknown): string {
  if (!(error instanceof ApiError)) return texts.errors.unknown;
  if (error.status === 0) return texts.errors.network;
  if (error.status === 429) return texts.errors.later(Math.max(1, Math.ceil(error.retryAfter ?? 1)));
  return error.message;
}

/** Whether an error says that the session does not count any more. */
export function isLoggedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}
