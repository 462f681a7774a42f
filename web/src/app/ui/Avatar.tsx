import { useState } from 'react';
import { hueOf, initials } from '../logic/chats';
import { usePresence } from '../state/presence';

interface Props {
  id: string;
  name: string;
  picture: string;
  size?: 'small' | 'medium' | 'large' | 'huge';
  /** Shows a dot while the person is online. */
  dot?: boolean;
}

/** A person's picture, or their initials. It only adorns: the name stands beside it. */
export function Avatar({ id, name, picture, size = 'medium', dot = false }: Props) {
  const [broken, setBroken] = useState<string>();
  const online = usePresence((state) => dot && state.presence.get(id)?.state === 'online');
  const shown = picture !== '' && picture !== broken;
  return (
    <span className={`avatar avatar-${size} hue-${hueOf(id, 8)}`} aria-hidden="true">
      {shown ? <img src={picture} alt="" loading="lazy" decoding="async" onError={() => setBroken(picture)} /> : initials(name)}
      {online && <span className="avatar-dot" />}
    </span>
  );
}
