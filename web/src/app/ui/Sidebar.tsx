import { useState } from 'react';
import type { Route } from '../logic/router';
import { texts } from '../texts';
import { ChatList } from './ChatList';
import { ComposeIcon } from './icons';
import { Link } from './Link';
import { Menu } from './Menu';
import { SearchBox } from './SearchBox';

/** The pane with all conversations. */
export function Sidebar({ route }: { route: Route }) {
  const [query, setQuery] = useState('');
  const isPage = route.page === 'conversations';
  const Heading = isPage ? 'h1' : 'h2';
  return (
    <nav className="sidebar" aria-label={texts.list.title}>
      <header className="sidebar-head">
        <Heading className="sidebar-title" tabIndex={-1} data-focus={isPage ? '' : undefined}>
          {texts.list.title}
        </Heading>
        <Link className="icon-button" to={{ page: 'people' }} aria-label={texts.menu.people} title={texts.menu.people}>
          <ComposeIcon />
        </Link>
        <Menu />
      </header>
      <SearchBox label={texts.list.search} value={query} onChange={setQuery} />
      <ChatList query={query} current={route.page === 'conversation' ? route.userId : undefined} onPick={() => setQuery('')} />
    </nav>
  );
}
