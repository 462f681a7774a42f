import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import { wordsFor } from '../state/api';
import { useSession } from '../state/session';
import { texts } from '../texts';
import { Avatar } from './Avatar';
import { LeaveIcon, UserIcon } from './icons';
import { Link } from './Link';

/** The menu of my own: profile, and out. */
export function Menu() {
  const me = useSession((session) => session.me);
  const logOut = useSession((session) => session.logOut);
  const [open, setOpen] = useState(false);
  const [failure, setFailure] = useState<string>();
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    items(box.current)[0]?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, [open]);

  const keys = (event: KeyboardEvent) => {
    if (!open) return;
    const all = items(box.current);
    const at = all.findIndex((item) => item === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      all.at(to % all.length)?.focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.stopPropagation();
      setOpen(false);
      if (event.key === 'Escape') button.current?.focus();
    }
  };

  const leave = async () => {
    setFailure(undefined);
    try {
      await logOut();
    } catch (error) {
      setFailure(wordsFor(error));
    }
  };

  if (me === undefined) return null;
  return (
    <div className="menu" ref={box} onKeyDown={keys}>
      <button
        ref={button}
        type="button"
        className="menu-button"
        aria-label={texts.menu.open}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        <Avatar id={me._id} name={me.fullName} picture={me.profilePic} size="small" />
      </button>
      {open && (
        <div className="menu-box">
          <div className="menu-who">
            <strong>{me.fullName}</strong>
            <span className="muted">{me.email}</span>
          </div>
          <div id={id} role="menu" aria-label={texts.menu.open}>
            <Link role="menuitem" tabIndex={-1} to={{ page: 'profile' }} onClick={() => setOpen(false)}>
              <UserIcon /> {texts.menu.profile}
            </Link>
            <button type="button" role="menuitem" tabIndex={-1} onClick={() => void leave()}>
              <LeaveIcon /> {texts.menu.logOut}
            </button>
          </div>
          {failure !== undefined && (
            <p className="callout bad" role="alert">
              {failure}
            </p>
          )}
        </div>
      )}
    </div>
  );
}

function items(box: HTMLElement | null): HTMLElement[] {
  return [...(box?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
}
