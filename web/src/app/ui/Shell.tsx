import { useEffect, useEffectEvent, useRef } from 'react';
import { pathOf, type Route } from '../logic/router';
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

  // After going somewhere, the keyboard and the screen reader are there, too: on the row that one came from, if that is where one went.
  const previous = useRef<Route>(undefined);
  const arrive = useEffectEvent((visit: number) => {
    const from = previous.current;
    previous.current = route;
    if (visit === 0) return;
    const row = route.page === 'conversations' && from?.page === 'conversation' ? find(`.sidebar a[href="${pathOf(from)}"]`) : null;
    (row ?? find('[data-focus]'))?.focus({ preventScroll: true });
  });
  useEffect(() => arrive(visits), [visits, place]);

  const find = (selector: string) => main.current?.querySelector<HTMLElement>(selector) ?? null;
  const skip = () => (find('[data-focus]') ?? find('.pane h1'))?.focus();
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
