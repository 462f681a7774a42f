import type { PublicUser } from '../../hub';
import { usePresenceOf } from '../state/presence';
import { Avatar } from './Avatar';
import { useWatch } from './hooks';
import { Link } from './Link';
import { presenceWords } from './presenceWords';

interface Props {
  person: PublicUser;
  now: number;
  onPick?: (() => void) | undefined;
}

/** One person of the directory. */
export function PersonRow({ person, now, onPick }: Props) {
  useWatch(person._id);
  const presence = usePresenceOf(person._id);
  return (
    <Link className="row" to={{ page: 'conversation', userId: person._id }} onClick={onPick}>
      <Avatar id={person._id} name={person.fullName} picture={person.profilePic} dot />
      <span className="row-body">
        <span className="row-name">{person.fullName}</span>
        <span className="row-preview">{presenceWords(presence, now)}</span>
      </span>
    </Link>
  );
}
