import { useEffect, useMemo, useState } from 'react';
import type { Chat, PublicUser } from '../../hub';
import { matches, sorted } from '../logic/chats';
import { api, wordsFor } from '../state/api';
import { useChats } from '../state/chats';
import { usePeople } from '../state/people';
import { texts } from '../texts';
import { ChatRow } from './ChatRow';
import { useNow, useSettled } from './hooks';
import { ChatIcon } from './icons';
import { Link } from './Link';
import { PersonRow } from './PersonRow';
import { Rows } from './Rows';
import { Failure, Notice, RowSkeletons } from './states';

interface Props {
  query: string;
  current: string | undefined;
  onPick: () => void;
}

type Item = { kind: 'chat'; chat: Chat } | { kind: 'heading' } | { kind: 'person'; person: PublicUser };

/** Conversations, the most recent first; with a query those whose names match, then other people. */
export function ChatList({ query, current, onPick }: Props) {
  const { status, error, chats, load } = useChats();
  const now = useNow();
  const all = useMemo(() => sorted(chats), [chats]);
  const wanted = query.trim();
  const found = useDirectory(wanted);
  const items = useMemo(() => {
    const own = wanted === '' ? all : all.filter((chat) => matches(chat.fullName, wanted));
    const others = found.people.filter((person) => !chats.has(person._id));
    const list: Item[] = own.map((chat) => ({ kind: 'chat', chat }));
    if (others.length > 0) list.push({ kind: 'heading' }, ...others.map((person) => ({ kind: 'person' as const, person })));
    return list;
  }, [all, chats, found.people, wanted]);

  if (status === 'loading') return <RowSkeletons />;
  if (status === 'failed') {
    return (
      <Failure title={texts.list.failed} retry={() => void load()}>
        {error}
      </Failure>
    );
  }
  if (items.length === 0 && wanted === '') {
    return (
      <Notice
        title={texts.list.empty}
        icon={<ChatIcon />}
        action={
          <Link className="button primary" to={{ page: 'people' }}>
            {texts.list.browse}
          </Link>
        }
      >
        {texts.list.emptyHelp}
      </Notice>
    );
  }
  return (
    <>
      {wanted !== '' && found.error !== undefined && (
        <p className="callout bad" role="alert">
          {texts.list.searchFailed} {found.error}
        </p>
      )}
      {items.length === 0 && found.done && found.error === undefined && (
        <div role="status">
          <Notice title={texts.list.nobody(wanted)}>{texts.list.nobodyHelp}</Notice>
        </div>
      )}
      <Rows
        items={items}
        keyOf={(item) => (item.kind === 'chat' ? item.chat._id : item.kind === 'person' ? item.person._id : 'heading')}
        render={(item) => {
          if (item.kind === 'heading') return <p className="rows-heading">{texts.list.people}</p>;
          if (item.kind === 'person') return <PersonRow person={item.person} now={now} onPick={onPick} />;
          return <ChatRow chat={item.chat} current={item.chat._id === current} now={now} />;
        }}
      />
    </>
  );
}

const none = { people: [] as PublicUser[], error: undefined, done: true };

/** People of the directory for a query that was not changed for a moment. */
function useDirectory(query: string): { people: PublicUser[]; error: string | undefined; done: boolean } {
  const settled = useSettled(query, 200);
  const [result, setResult] = useState<ReturnType<typeof useDirectory>>(none);
  useEffect(() => {
    if (settled === '') {
      setResult(none);
      return;
    }
    const abort = new AbortController();
    setResult((before) => ({ ...before, done: false }));
    api.contacts({ q: settled, limit: 30 }, abort.signal).then(
      ({ items }) => {
        usePeople.getState().met(items);
        setResult({ people: items, error: undefined, done: true });
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setResult({ people: [], error: wordsFor(error), done: true });
      },
    );
    return () => abort.abort();
  }, [settled]);
  return query === '' ? none : settled === query ? result : { ...result, done: false };
}
