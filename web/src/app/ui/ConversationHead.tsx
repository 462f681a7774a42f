import type { PublicUser } from '../../hub';
import { usePresence, usePresenceOf } from '../state/presence';
import { texts } from '../texts';
import { Avatar } from './Avatar';
import { useKeyboardFocus, useNow, useWatch } from './hooks';
import { BackIcon } from './icons';
import { Link } from './Link';
import { presenceWords } from './presenceWords';

/** With whom the conversation is, and what they are doing. */
export function ConversationHead({ userId, person }: { userId: string; person: PublicUser | undefined }) {
  // Where writing would open a keyboard over the messages, the name gets the focus instead.
  const focus = !useKeyboardFocus() || userId === '' ? '' : undefined;
  return (
    <header className="pane-head">
      <Link className="icon-button back" to={{ page: 'conversations' }} aria-label={texts.back}>
        <BackIcon />
      </Link>
      {person === undefined ? (
        <>
          <h1 tabIndex={-1} className="visually-hidden" data-focus={focus}>
            {texts.conversation.someone}
          </h1>
          {userId !== '' && (
            <>
              <span className="avatar avatar-small skeleton" aria-hidden="true" />
              <span className="skeleton skeleton-line skeleton-name" aria-hidden="true" />
            </>
          )}
        </>
      ) : (
        <>
          <Avatar id={userId} name={person.fullName} picture={person.profilePic} size="small" dot />
          <div className="pane-head-text">
            <h1 tabIndex={-1} data-focus={focus}>
              {person.fullName}
            </h1>
            <Doing userId={userId} name={person.fullName} />
          </div>
        </>
      )}
    </header>
  );
}

function Doing({ userId, name }: { userId: string; name: string }) {
  useWatch(userId);
  const now = useNow();
  const presence = usePresenceOf(userId);
  const typing = usePresence((state) => state.typing.has(userId));
  return (
    <p className={`pane-head-sub ${typing ? 'accent' : ''}`}>
      <span role="status">{typing ? <Typing name={name} /> : ''}</span>
      {!typing && presenceWords(presence, now)}
    </p>
  );
}

function Typing({ name }: { name: string }) {
  return (
    <>
      <span className="visually-hidden">{texts.conversation.typing(name)}</span>
      <span aria-hidden="true">
        {texts.list.typing.replace('…', '')}
        <span className="dots">
          <i />
          <i />
          <i />
        </span>
      </span>
    </>
  );
}
