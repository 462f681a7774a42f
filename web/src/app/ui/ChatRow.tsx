import type { Chat } from '../../hub';
import { useDrafts } from '../state/drafts';
import { usePresence, usePresenceOf } from '../state/presence';
import { texts } from '../texts';
import { Avatar } from './Avatar';
import { times, useWatch } from './hooks';
import { Link } from './Link';

interface Props {
  chat: Chat;
  current: boolean;
  now: number;
}

/** One conversation in the list. */
export function ChatRow({ chat, current, now }: Props) {
  const { _id: userId, fullName, profilePic, lastMessage, unreadCount } = chat;
  useWatch(userId);
  const presence = usePresenceOf(userId);
  const online = presence?.state === 'online';
  const lastSeen = online ? null : presence?.lastSeen;
  const typing = usePresence((state) => state.typing.has(userId));
  const draft = useDrafts((state) => (current ? undefined : state.drafts[userId]));
  const mine = lastMessage.senderId !== userId;
  return (
    <Link className="row" to={{ page: 'conversation', userId }} aria-current={current ? 'page' : undefined}>
      <Avatar id={userId} name={fullName} picture={profilePic} dot />
      <span className="row-body">
        <span className="row-line">
          <span className="row-name">{fullName}</span>
          {online && <span className="visually-hidden">, {texts.presence.online},</span>}
          {lastSeen && <span className="row-seen">{texts.list.seen(times.brief(lastSeen, now))}</span>}
          <time className="row-time" dateTime={lastMessage.createdAt}>
            {times.brief(lastMessage.createdAt, now)}
          </time>
        </span>
        <span className="row-line">
          {typing ? (
            <span className="row-preview accent">{texts.list.typing}</span>
          ) : draft !== undefined ? (
            <span className="row-preview">
              <span className="accent">{texts.list.draft}</span>
              {draft}
            </span>
          ) : (
            <span className="row-preview">
              {mine && texts.list.you}
              {lastMessage.text ?? texts.list.photo}
            </span>
          )}
          {unreadCount > 0 && (
            <span className="badge">
              <span aria-hidden="true">{unreadCount > 99 ? '99+' : unreadCount}</span>
              <span className="visually-hidden">{texts.list.unread(unreadCount)}</span>
            </span>
          )}
        </span>
      </span>
    </Link>
  );
}
