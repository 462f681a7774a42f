import { useLayoutEffect, useRef, useState, type FormEvent } from 'react';
import { emailProblem, nameProblem, passwordProblem, type Problems } from '../logic/forms';
import { wordsFor } from '../state/api';
import { useSession } from '../state/session';
import { texts } from '../texts';
import { Field } from './Field';
import { Link } from './Link';

/** Logging in and signing up. */
export function AuthPage({ page }: { page: 'login' | 'signup' }) {
  const isNew = page === 'signup';
  const { logIn, signUp, why } = useSession();
  const [problems, setProblems] = useState<Problems>({});
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const first = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => first.current?.focus(), []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const value = (name: string) => String(data.get(name) ?? '');
    const [fullName, email, password] = [value('fullName').trim(), value('email').trim(), value('password')];
    const found: Problems = {
      fullName: isNew ? nameProblem(fullName) : undefined,
      email: emailProblem(email),
      password: passwordProblem(password, isNew),
    };
    setProblems(found);
    setFailure(undefined);
    const wrong = (['fullName', 'email', 'password'] as const).find((name) => found[name] !== undefined);
    if (wrong !== undefined) {
      form.current?.querySelector<HTMLInputElement>(`[name=${wrong}]`)?.focus();
      return;
    }
    setBusy(true);
    try {
      await (isNew ? signUp({ fullName, email, password }) : logIn({ email, password }));
    } catch (error) {
      setFailure(wordsFor(error));
      setBusy(false);
    }
  };

  const { auth } = texts;
  return (
    <main className="page-center auth">
      <p className="wordmark">{texts.name}</p>
      <div className="card">
        <h1>{isNew ? auth.signUpTitle : auth.logInTitle}</h1>
        <p className="muted">{isNew ? auth.signUpHint : auth.logInHint}</p>
        {failure === undefined && why !== undefined && !isNew && (
          <p className="callout" role="status">
            {auth[why]}
          </p>
        )}
        {failure !== undefined && (
          <p className="callout bad" role="alert">
            {failure}
          </p>
        )}
        <form ref={form} onSubmit={(event) => void submit(event)} noValidate>
          {isNew && (
            <Field ref={first} label={auth.fullName} name="fullName" autoComplete="name" maxLength={100} error={problems.fullName} />
          )}
          <Field
            ref={isNew ? undefined : first}
            label={auth.email}
            name="email"
            type="email"
            autoComplete={isNew ? 'email' : 'username'}
            autoCapitalize="none"
            spellCheck={false}
            error={problems.email}
          />
          <Field
            label={auth.password}
            name="password"
            type="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            hint={isNew ? auth.passwordHint : undefined}
            error={problems.password}
          />
          <button type="submit" className="button primary wide" disabled={busy}>
            {isNew ? auth.signUp : auth.logIn}
          </button>
        </form>
      </div>
      <p className="muted">
        {isNew ? auth.haveAccount : auth.noAccount}{' '}
        <Link to={{ page: isNew ? 'login' : 'signup' }}>{isNew ? auth.logIn : auth.signUp}</Link>
      </p>
    </main>
  );
}
