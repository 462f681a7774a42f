import { useState, type FormEvent } from 'react';
import { wordsFor } from '../state/api';
import { useSession } from '../state/session';
import { texts } from '../texts';
import { Field } from './Field';
import { times } from './hooks';
import { BackIcon } from './icons';
import { Link } from './Link';
import { PictureForm } from './PictureForm';
import { SettingsForm } from './SettingsForm';

/** What others see of me, and what I want of this device. */
export function ProfilePage() {
  const me = useSession((session) => session.me);
  if (me === undefined) return null;
  return (
    <div className="page">
      <header className="pane-head">
        <Link className="icon-button back" to={{ page: 'conversations' }} aria-label={texts.back}>
          <BackIcon />
        </Link>
        <h1 tabIndex={-1} data-focus="">
          {texts.profile.title}
        </h1>
      </header>
      <div className="page-body">
        <PictureForm me={me} />
        <NameForm name={me.fullName} />
        <dl className="facts">
          <div>
            <dt>{texts.profile.email}</dt>
            <dd>{me.email}</dd>
            <dd className="muted">{texts.profile.emailHint}</dd>
          </div>
        </dl>
        <SettingsForm />
        {me.createdAt !== undefined && <p className="muted since">{texts.profile.since(times.dayName(me.createdAt, 0))}</p>}
      </div>
    </div>
  );
}

function NameForm({ name }: { name: string }) {
  const updateProfile = useSession((session) => session.updateProfile);
  const [value, setValue] = useState(name);
  const [error, setError] = useState<string>();
  const [state, setState] = useState<'idle' | 'saving' | 'saved'>('idle');
  const wanted = value.trim();

  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (wanted === '') {
      setError(texts.profile.needName);
      return;
    }
    setState('saving');
    try {
      await updateProfile({ fullName: wanted });
      setValue(wanted);
      setState('saved');
    } catch (failure) {
      setError(wordsFor(failure));
      setState('idle');
    }
  };
  return (
    <form className="name-form" onSubmit={(event) => void save(event)} noValidate>
      <Field
        label={texts.profile.name}
        name="fullName"
        autoComplete="name"
        maxLength={100}
        value={value}
        error={error}
        onChange={(event) => {
          setValue(event.target.value);
          setError(undefined);
          setState('idle');
        }}
      />
      <button type="submit" className="button" disabled={state === 'saving' || wanted === name}>
        {texts.profile.save}
      </button>
      <span role="status" className="saved">
        {state === 'saved' ? texts.profile.saved : ''}
      </span>
    </form>
  );
}
