import { useEffect, useRef, useState } from 'react';
import type { PublicUser } from '../../hub';
import { api, wordsFor } from '../state/api';
import { usePeople } from '../state/people';
import { texts } from '../texts';
import { BackIcon, UserIcon } from './icons';
import { useNow, useSettled } from './hooks';
import { Link } from './Link';
import { PersonRow } from './PersonRow';
import { Rows } from './Rows';
import { SearchBox } from './SearchBox';
import { Failure, Notice, RowSkeletons } from './states';

/** The directory: everybody one can write to. */
export function PeoplePage() {
  const [query, setQuery] = useState('');
  const settled = useSettled(query.trim(), 200);
  const { people, status, error, more, retry } = useDirectoryPages(settled);
  const now = useNow();
  return (
    <div className="page people">
      <header className="pane-head">
        <Link className="icon-button back" to={{ page: 'conversations' }} aria-label={texts.back}>
          <BackIcon />
        </Link>
        <h1>{texts.people.title}</h1>
      </header>
      <SearchBox label={texts.people.search} value={query} onChange={setQuery} isFocus />
      {people.length > 0 && (
        <Rows items={people} keyOf={(person) => person._id} render={(person) => <PersonRow person={person} now={now} />} onEnd={more} />
      )}
      {status === 'loading' && people.length === 0 && <RowSkeletons />}
      {status === 'failed' && (
        <Failure title={texts.people.failed} retry={retry}>
          {error}
        </Failure>
      )}
      {status === 'ready' && people.length === 0 && (
        <div role="status">
          {settled === '' ? (
            <Notice title={texts.people.empty} icon={<UserIcon />}>
              {texts.people.emptyHelp}
            </Notice>
          ) : (
            <Notice title={texts.list.nobody(settled)}>{texts.list.nobodyHelp}</Notice>
          )}
        </div>
      )}
    </div>
  );
}

const pageSize = 50;
/** A longer list nobody scrolls through: search narrows it. */
const maxListed = 2000;

interface Pages {
  status: 'loading' | 'ready' | 'failed';
  people: PublicUser[];
  next: string | undefined;
  error: string | undefined;
}

const first: Pages = { status: 'loading', people: [], next: undefined, error: undefined };

/** The directory page by page. */
function useDirectoryPages(query: string) {
  const [pages, setPages] = useState(first);
  const abort = useRef<AbortController>(undefined);

  const load = (before: Pages) => {
    abort.current?.abort();
    const { signal } = (abort.current = new AbortController());
    setPages({ ...before, status: 'loading' });
    api
      .contacts({ limit: pageSize, ...(query !== '' && { q: query }), ...(before.next !== undefined && { cursor: before.next }) }, signal)
      .then(
        ({ items, next }) => {
          usePeople.getState().met(items);
          setPages({ status: 'ready', people: [...before.people, ...items], next, error: undefined });
        },
        (error: unknown) => {
          if (!signal.aborted) setPages({ ...before, status: 'failed', error: wordsFor(error) });
        },
      );
  };

  useEffect(() => {
    load(first);
    return () => abort.current?.abort();
    // A page more is asked for by hand, not because `load` is another function.
  }, [query]);

  const more = () => {
    if (pages.status === 'ready' && pages.next !== undefined && pages.people.length < maxListed) load(pages);
  };
  return { ...pages, more, retry: () => load(pages) };
}
