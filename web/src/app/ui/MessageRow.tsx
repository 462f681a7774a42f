import { memo } from 'react';
import type { Bubble } from '../logic/timeline';
import { parseLinks } from '../logic/links';
import { useLive } from '../state/live';
import { texts } from '../texts';
import { AlertIcon, CheckIcon, ClockIcon } from './icons';
import { times } from './hooks';
import { Photo } from './Photo';

interface Props {
  bubble: Bubble;
  name: string;
  now: number;
  isFirst: boolean;
  isLast: boolean;
  /** The first message that was new on coming here. */
  isNewFrom: boolean;
}

/** One message, below the name of its day if it is the first of it. */
export const MessageRow = memo(function MessageRow({ bubble, name, now, isFirst, isLast, isNewFrom }: Props) {
  const { mine, at, text, image, state } = bubble;
  const who = mine ? texts.conversation.you : name;
  const side = `${mine ? 'mine' : 'theirs'}${bubble.startsGroup ? ' starts' : ''}${bubble.endsGroup ? ' ends' : ''}`;
  return (
    <div className={`message-row${isLast ? ' last' : ''}`}>
      {isFirst && <p className="beginning">{texts.conversation.beginning(name)}</p>}
      {bubble.day !== undefined && (
        <p className="day">
          <span>{times.dayName(at, now)}</span>
        </p>
      )}
      {isNewFrom && <p className="new-from">{texts.conversation.newFrom}</p>}
      <article className={`message ${side}`} aria-label={`${who}, ${times.clock(at)}`}>
        <div className={`bubble ${image !== undefined ? 'with-photo' : ''} ${state}`}>
          {image !== undefined && <Photo src={image} who={who} />}
          {text !== undefined && text !== '' && (
            <p className="bubble-text" dir="auto">
              <Text text={text} />
            </p>
          )}
        </div>
        {(bubble.endsGroup || state !== 'sent') && (
          <p className="message-foot">{state === 'failed' ? <Failed bubble={bubble} /> : <Foot bubble={bubble} />}</p>
        )}
      </article>
    </div>
  );
}, same);

/** Bubbles are made anew with each message; only what they show matters. */
function same(before: Props, after: Props): boolean {
  const [a, b] = [before.bubble, after.bubble];
  const keys = Object.keys(a) as (keyof Bubble)[];
  return (
    keys.every((key) => a[key] === b[key]) &&
    before.name === after.name &&
    before.isFirst === after.isFirst &&
    before.isLast === after.isLast &&
    before.isNewFrom === after.isNewFrom &&
    (a.day === undefined || before.now === after.now)
  );
}

function Text({ text }: { text: string }) {
  return parseLinks(text).map((segment, index) =>
    segment.href === undefined ? (
      segment.text
    ) : (
      <a key={index} href={segment.href} target="_blank" rel="noopener noreferrer nofollow">
        {segment.text}
      </a>
    ),
  );
}

function Foot({ bubble: { mine, at, state } }: { bubble: Bubble }) {
  const { sending, waiting, sent } = texts.conversation;
  return (
    <>
      <time dateTime={at} title={times.full(at)}>
        {times.clock(at)}
      </time>
      {mine && (
        <span className={`state state-${state}`} title={state === 'sent' ? sent : state === 'waiting' ? waiting : sending}>
          {state === 'sent' ? <CheckIcon /> : <ClockIcon />}
          <span className={state === 'waiting' ? 'state-words' : 'visually-hidden'}>
            {state === 'sent' ? sent : state === 'waiting' ? waiting : sending}
          </span>
        </span>
      )}
    </>
  );
}

function Failed({ bubble: { key, error } }: { bubble: Bubble }) {
  const hub = useLive((live) => live.hub);
  const { failedToSend, retry, discard } = texts.conversation;
  return (
    <span className="failed-note" role="alert">
      <AlertIcon />
      <span>{error === undefined ? `${failedToSend}.` : `${failedToSend}: ${error}`}</span>
      <button type="button" className="text-button" onClick={() => hub?.retry(key)}>
        {retry}
      </button>
      <button type="button" className="text-button" onClick={() => hub?.discard(key)}>
        {discard}
      </button>
    </span>
  );
}
