import { useState } from 'react';
import { hueOf, initials } from '../logic/chats';
import { usePresenceOf } from '../state/presence';

interface Props {
  id: string;
  name: string;
  picture: string;
  size?: 'small' | 'medium' | 'huge';
  /** Shows a dot while the person is online. */
  dot?: boolean;
}

/** A person's picture, or their initials. It only adorns: the name stands beside it. */
export function Avatar({ id, name, picture, size = 'medium', dot = false }: Props) {
  const [broken, setBroken] = useState<string>();
  const online = usePresenceOf(id)?.state === 'online' && dot;
  const shown = picture !== '' && picture !== broken;
  return (
    <span className={`avatar avatar-${size} hue-${hueOf(id, 8)}`} aria-hidden="true" data-initials={shown ? undefined : initials(name)}>
      {shown && <img src={picture} alt="" loading="lazy" decoding="async" onError={() => setBroken(picture)} />}
      {online && <span className="avatar-dot" />}
    </span>
  );
}
