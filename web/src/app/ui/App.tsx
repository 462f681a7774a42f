import { useEffect, useLayoutEffect } from 'react';
import { isPublic } from '../logic/router';
import { unreadIn } from '../logic/chats';
import { useChats } from '../state/chats';
import { guard, useNavigation } from '../state/navigation';
import { useSession } from '../state/session';
import { texts } from '../texts';
import { AuthPage } from './AuthPage';
import { ErrorBoundary } from './ErrorBoundary';
import { Shell } from './Shell';
import { Notice } from './states';

/** The application: whoever is not logged in sees the public pages. */
export function App() {
  return (
    <ErrorBoundary>
      <Pages />
    </ErrorBoundary>
  );
}

function Pages() {
  const status = useSession((session) => session.status);
  const route = useNavigation((navigation) => navigation.route);
  useTitle();
  useLayoutEffect(() => {
    if (status === 'in' || status === 'out') guard(status === 'in');
  }, [status, route]);

  if (status === 'checking') return <Splash />;
  if (status === 'unreachable') return <Unreachable />;
  if (route === undefined || isPublic(route) !== (status === 'out')) return <Splash />;
  return status === 'out' ? <AuthPage key={route.page} page={route.page === 'signup' ? 'signup' : 'login'} /> : <Shell route={route} />;
}

/** Shown for the moment in which nothing is known yet; after a while it says so. */
function Splash() {
  return (
    <main className="page-center" aria-busy="true">
      <h1 className="wordmark splash">{texts.name}</h1>
    </main>
  );
}

const firstDelay = 2000;
const longestDelay = 30_000;

function Unreachable() {
  const check = useSession((session) => session.check);
  useEffect(() => {
    let delay = firstDelay;
    let timer = setTimeout(again, delay);
    function again() {
      void check();
      delay = Math.min(longestDelay, delay * 2);
      timer = setTimeout(again, delay);
    }
    const now = () => void check();
    addEventListener('online', now);
    return () => {
      clearTimeout(timer);
      removeEventListener('online', now);
    };
  }, [check]);
  return (
    <main className="page-center">
      <h1 className="wordmark">{texts.name}</h1>
      <div role="alert">
        <Notice
          title={texts.start.unreachable}
          action={
            <button type="button" className="button primary" onClick={() => void check()}>
              {texts.retry}
            </button>
          }
        >
          {texts.start.unreachableHelp}
        </Notice>
      </div>
    </main>
  );
}

/** Tells in the title and the icon of the tab how many messages are unread. */
function useTitle() {
  const unread = useChats((state) => unreadIn(state.chats));
  useEffect(() => {
    document.title = unread > 0 ? `(${unread > 999 ? '999+' : unread}) ${texts.name}` : texts.name;
    const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
    if (link !== null) link.href = unread > 0 ? '/favicon-unread.svg' : '/favicon.svg';
  }, [unread]);
}
