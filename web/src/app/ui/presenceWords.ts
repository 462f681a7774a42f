import type { UserPresence } from '../../hub';
import { texts } from '../texts';
import { times } from './hooks';

/** Whether somebody is online or when they were, as far as that is known. */
export function presenceWords(presence: UserPresence | undefined, now: number): string {
  if (presence === undefined) return texts.presence.unknown;
  if (presence.state === 'online') return texts.presence.online;
  if (presence.lastSeen !== null) return times.lastSeen(presence.lastSeen, now);
  return presence.state === 'offline' ? texts.presence.offline : texts.presence.unknown;
}
