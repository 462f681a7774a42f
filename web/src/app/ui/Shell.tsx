import { useEffect, useRef } from 'react';
import type { Route } from '../logic/router';
import { useNavigation } from '../state/navigation';
import { texts } from '../texts';
import { Banner } from './Banner';
import { ConversationPage } from './ConversationPage';
import { ChatIcon } from './icons';
import { Link } from './Link';
import { PeoplePage } from './PeoplePage';
import { ProfilePage } from './ProfilePage';
import { Sidebar } from './Sidebar';
import { Notice } from './states';

/** The two panes: conversations, and whatever is open. On narrow screens there is room for one of them. */
export function Shell({ route }: { route: Route }) {
  const main = useRef<HTMLElement>(null);
  const visits = useNavigation((navigation) => navigation.visits);
  const place = route.page === 'conversation' ? route.userId : route.page;

  // After going somewhere, the keyboard and the screen reader are there, too.
  useEffect(() => {
    if (visits > 0) main.current?.querySelector<HTMLElement>('[data-focus]:not([hidden])')?.focus({ preventScroll: true });
  }, [visits, place]);

  const skip = () => main.current?.querySelector<HTMLElement>('.pane [data-focus], .pane h1, .pane')?.focus();
  return (
    <>
      <button type="button" className="skip-link" onClick={skip}>
        {texts.skip}
      </button>
      <main ref={main} className={`shell ${route.page === 'conversations' ? 'shell-list' : 'shell-pane'}`}>
        <Banner />
        <Sidebar route={route} />
        <section className="pane" tabIndex={-1} aria-label={route.page === 'conversations' ? texts.list.pick : undefined}>
          <Pane route={route} />
        </section>
      </main>
    </>
  );
}

function Pane({ route }: { route: Route }) {
  switch (route.page) {
    case 'conversation':
      return <ConversationPage key={route.userId} userId={route.userId} />;
    case 'people':
      return <PeoplePage />;
    case 'profile':
      return <ProfilePage />;
    default:
      return (
        <div className="pane-empty">
          <Notice
            title={texts.list.pick}
            icon={<ChatIcon />}
            action={
              <Link className="button" to={{ page: 'people' }}>
                {texts.list.browse}
              </Link>
            }
          >
            {texts.list.pickHelp}
          </Notice>
        </div>
      );
  }
}
