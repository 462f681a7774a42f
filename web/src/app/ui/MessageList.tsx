import { useLayoutEffect, useRef, useState } from 'react';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import type { Bubble } from '../logic/timeline';
import { useConversations, type Conversation } from '../state/conversations';
import { texts } from '../texts';
import { useNow } from './hooks';
import { DownIcon } from './icons';
import { MessageRow } from './MessageRow';
import { Notice } from './states';
import { useMarkRead } from './useMarkRead';

/** So near to the bottom counts as being there. */
const nearBottom = 60;
/** So near to the top the next page is wanted. */
const nearTop = 800;

interface Props {
  userId: string;
  name: string;
  conversation: Conversation;
  bubbles: readonly Bubble[];
}

/** The messages of a conversation. It stays at the bottom as long as one is there, and still when older ones come in above. */
export function MessageList({ userId, name, conversation, bubbles }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const lastOffset = useRef(0);
  const stuck = useRef(true);
  const [atBottom, setAtBottom] = useState(true);
  /** The newest message that was there when one left the bottom. */
  const [leftAt, setLeftAt] = useState<string>();
  const loadOlder = useConversations((state) => state.older);
  const now = useNow();
  const newFrom = useMarkRead(userId, conversation.messages, atBottom);

  const firstKey = bubbles[0]?.key;
  const last = bubbles.at(-1);
  const lastKey = last?.key;
  const previousFirst = useRef(firstKey);
  const prepended = previousFirst.current !== undefined && previousFirst.current !== firstKey;
  useLayoutEffect(() => {
    previousFirst.current = firstKey;
  });

  const toBottom = () => list.current?.scrollToIndex(bubbles.length - 1, { align: 'end' });
  const setBottom = (is: boolean) => {
    stuck.current = is;
    if (is === atBottom) return;
    setAtBottom(is);
    setLeftAt(is ? undefined : bubbles.findLast((bubble) => bubble.state === 'sent')?.key);
  };

  const justSent = last !== undefined && last.mine && last.state !== 'sent';
  useLayoutEffect(() => {
    if (stuck.current || justSent) {
      setBottom(true);
      toBottom();
    }
  }, [lastKey]);

  const older = () => {
    const offset = list.current?.scrollOffset ?? 0;
    if (conversation.older !== undefined && conversation.olderStatus === 'idle' && offset < nearTop) void loadOlder(userId);
  };
  // A page that doesn't fill the screen can't be scrolled: the next one is wanted right away.
  useLayoutEffect(() => {
    const frame = requestAnimationFrame(older);
    return () => cancelAnimationFrame(frame);
  }, [conversation.older, conversation.olderStatus]);

  const scrolled = (offset: number) => {
    const box = scroller.current;
    if (box === null) return;
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    // What grows below doesn't lead away from the bottom; only scrolling up does.
    if (below <= nearBottom) setBottom(true);
    else if (offset < lastOffset.current - 1) setBottom(false);
    lastOffset.current = offset;
    older();
  };
  const resized = () => {
    if (stuck.current) toBottom();
  };

  if (bubbles.length === 0) {
    return (
      <div className="messages-center" role="log" aria-label={texts.conversation.log(name)}>
        <Notice title={texts.conversation.empty}>{texts.conversation.emptyHelp(name)}</Notice>
      </div>
    );
  }
  const fresh =
    leftAt === undefined
      ? 0
      : bubbles.slice(bubbles.findIndex((bubble) => bubble.key === leftAt) + 1).filter((bubble) => !bubble.mine).length;
  return (
    <div className="messages-frame">
      {conversation.olderStatus === 'loading' && <div className="older" role="status" aria-label={texts.conversation.olderLoading} />}
      <div
        ref={scroller}
        className="messages"
        role="log"
        // Scrolling up brings old messages into the page: these are no news.
        aria-live={atBottom ? 'polite' : 'off'}
        aria-label={texts.conversation.log(name)}
        tabIndex={0}
      >
        <div className="messages-fill" />
        {conversation.olderStatus === 'failed' && (
          <p className="callout bad" role="alert">
            {texts.conversation.olderFailed}{' '}
            <button type="button" className="text-button" onClick={() => void loadOlder(userId)}>
              {texts.retry}
            </button>
          </p>
        )}
        <Virtualizer
          ref={list}
          scrollRef={scroller}
          data={bubbles}
          shift={prepended}
          onScroll={scrolled}
          onResize={resized}
          bufferSize={600}
        >
          {(bubble, index) => (
            <MessageRow
              key={bubble.key}
              bubble={bubble}
              name={name}
              now={now}
              isFirst={index === 0 && conversation.status === 'ready' && conversation.older === undefined}
              isLast={index === bubbles.length - 1}
              isNewFrom={newFrom !== undefined && bubble.id === newFrom}
            />
          )}
        </Virtualizer>
      </div>
      {!atBottom && (
        <button
          type="button"
          className={`to-bottom ${fresh > 0 ? 'has-news' : ''}`}
          onClick={() => {
            setBottom(true);
            toBottom();
          }}
        >
          <DownIcon />
          <span className={fresh > 0 ? '' : 'visually-hidden'}>{texts.conversation.newMessages(fresh)}</span>
        </button>
      )}
    </div>
  );
}
