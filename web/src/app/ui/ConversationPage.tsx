import { useEffect, useMemo, useState, type DragEvent, type KeyboardEvent } from 'react';
import { timeline } from '../logic/timeline';
import { useAttachments } from '../state/attachments';
import { useChats } from '../state/chats';
import { useConversations } from '../state/conversations';
import { useLive } from '../state/live';
import { useNavigation } from '../state/navigation';
import { usePeople } from '../state/people';
import { useSession } from '../state/session';
import { texts } from '../texts';
import { Composer } from './Composer';
import { ConversationHead } from './ConversationHead';
import { times, useMedia } from './hooks';
import { MessageList } from './MessageList';
import { Failure, Notice } from './states';

/** A conversation with one person. */
export function ConversationPage({ userId }: { userId: string }) {
  const me = useSession((session) => session.me?._id ?? '');
  const person = usePeople((state) => state.people.get(userId));
  const missing = usePeople((state) => state.missing.get(userId));
  const find = usePeople((state) => state.find);
  const listed = useChats((state) => state.status !== 'loading');
  const conversation = useConversations((state) => state.conversations.get(userId));
  const open = useConversations((state) => state.open);
  const outbox = useLive((live) => live.outbox);
  const go = useNavigation((navigation) => navigation.go);
  const addFiles = useAttachments((state) => state.add);
  const narrow = useMedia('(max-width: 719.98px)');
  const [dragging, setDragging] = useState(false);

  useEffect(() => void open(userId), [open, userId]);
  useEffect(() => {
    if (listed && person === undefined && userId !== me) void find(userId);
  }, [find, listed, me, person, userId]);

  const messages = conversation?.messages;
  const reachesBeginning = conversation?.older === undefined;
  const bubbles = useMemo(
    () =>
      timeline(
        messages ?? [],
        outbox.filter((item) => item.receiverId === userId),
        me,
        times.dayKey,
        reachesBeginning,
      ),
    [messages, outbox, me, userId, reachesBeginning],
  );

  const leave = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.defaultPrevented || event.nativeEvent.isComposing) return;
    if (narrow) go({ page: 'conversations' });
    else if (event.target instanceof HTMLElement) event.target.blur();
  };
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  const over = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setDragging(true);
  };
  const away = ({ currentTarget, relatedTarget }: DragEvent) => {
    if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setDragging(false);
  };
  const drop = (event: DragEvent) => {
    setDragging(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    void addFiles(userId, [...event.dataTransfer.files]);
  };

  if (userId === me || (missing === 'unknown' && person === undefined)) return <Nobody />;
  const name = person?.fullName ?? '';
  const notFound = missing !== undefined && missing !== 'unknown' && person === undefined ? missing.error : undefined;
  const error = notFound ?? (conversation?.status === 'failed' ? conversation.error : undefined);
  const retry = () => {
    void open(userId);
    if (notFound !== undefined) void find(userId);
  };
  return (
    <div className="conversation" onKeyDown={leave} onDragOver={over} onDrop={drop} onDragLeave={away}>
      <ConversationHead userId={userId} person={person} />
      {error !== undefined && <NotLoaded reason={error} retry={retry} alone={bubbles.length === 0} />}
      {error === undefined && (conversation === undefined || conversation.status === 'loading') && <BubbleSkeletons />}
      {conversation !== undefined && (conversation.status === 'ready' || (error !== undefined && bubbles.length > 0)) && (
        <MessageList userId={userId} name={name} conversation={conversation} bubbles={bubbles} />
      )}
      <Composer userId={userId} name={name} />
      {dragging && <div className="drop-here">{texts.composer.drop}</div>}
    </div>
  );
}

/** What is on its way stays in sight even if the history can't be loaded. */
function NotLoaded({ reason, retry, alone }: { reason: string; retry: () => void; alone: boolean }) {
  if (alone) {
    return (
      <div className="messages-center">
        <Failure title={texts.conversation.failed} retry={retry}>
          {reason}
        </Failure>
      </div>
    );
  }
  return (
    <p className="callout bad not-loaded" role="alert">
      {texts.conversation.failed} {reason}{' '}
      <button type="button" className="text-button" onClick={retry}>
        {texts.retry}
      </button>
    </p>
  );
}

function Nobody() {
  return (
    <div className="conversation">
      <ConversationHead userId="" person={undefined} />
      <div className="messages-center" role="alert">
        <Notice title={texts.conversation.unknown}>{texts.conversation.unknownHelp}</Notice>
      </div>
    </div>
  );
}

function BubbleSkeletons() {
  return (
    <div className="messages-loading" role="status" aria-label={texts.loading}>
      {[0, 1, 2, 3, 4, 5].map((index) => (
        <span key={index} aria-hidden="true" className={`skeleton skeleton-bubble w${index % 3} ${index % 4 > 1 ? 'mine' : ''}`} />
      ))}
    </div>
  );
}
