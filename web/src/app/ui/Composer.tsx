import { useEffect, useLayoutEffect, useRef, useState, type ClipboardEvent, type KeyboardEvent } from 'react';
import { imageTypes } from '../logic/images';
import { maxAttachments, useAttachments } from '../state/attachments';
import { useDrafts } from '../state/drafts';
import { useLive } from '../state/live';
import { rememberShape } from '../state/shapes';
import { texts } from '../texts';
import { CloseIcon, ImageIcon, SendIcon } from './icons';
import { useKeyboardFocus } from './hooks';

const maxLength = 2000;
/** From here on it is said how much is left. */
const nearlyFull = 1800;
const none: readonly never[] = [];

/** Where a message is written. */
export function Composer({ userId, name }: { userId: string; name: string }) {
  const hub = useLive((live) => live.hub);
  const text = useDrafts((state) => state.drafts[userId] ?? '');
  const write = useDrafts((state) => state.write);
  const add = useAttachments((state) => state.add);
  const remove = useAttachments((state) => state.remove);
  const images = useAttachments((state) => state.attachments[userId] ?? none);
  const attachError = useAttachments((state) => state.errors[userId]);
  const [sendError, setSendError] = useState<string>();
  const input = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const focusAtOnce = useKeyboardFocus();
  useEffect(() => {
    if (focusAtOnce) input.current?.focus({ preventScroll: true });
  }, [focusAtOnce]);

  // As high as what is written, up to what the style sheet allows.
  useLayoutEffect(() => {
    const area = input.current;
    if (area === null) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }, [text]);

  const left = maxLength - [...text.trim()].length;
  const isEmpty = text.trim() === '' && images.length === 0;
  const canSend = !isEmpty && left >= 0;

  const send = () => {
    if (!canSend || hub === undefined) return;
    const words = text.trim();
    try {
      for (const image of images) rememberShape(image.url, image.size);
      const [first, ...others] = images;
      hub.send({ receiverId: userId, ...(words !== '' && { text: words }), ...(first !== undefined && { image: first.url }) });
      write(userId, '');
      if (first !== undefined) remove(userId, first.id);
      for (const image of others) {
        hub.send({ receiverId: userId, image: image.url });
        remove(userId, image.id);
      }
      setSendError(undefined);
    } catch (error) {
      setSendError(error instanceof Error ? error.message : texts.errors.unknown);
    }
    input.current?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const paste = (event: ClipboardEvent) => {
    const files = [...event.clipboardData.files].filter((file) => file.type.startsWith('image/'));
    if (files.length === 0) return;
    event.preventDefault();
    void add(userId, files);
  };

  const problem = left < 0 ? texts.composer.tooLong : (sendError ?? attachError);
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {problem !== undefined && (
        <p className="callout bad" role="alert">
          {problem}
        </p>
      )}
      <Attached userId={userId} />
      {left <= maxLength - nearlyFull && (
        <p className={`composer-left ${left < 0 ? 'bad' : ''}`} role="status">
          {texts.composer.left(left)}
        </p>
      )}
      <div className="composer-box">
        <button
          type="button"
          className="icon-button"
          aria-label={texts.composer.attach}
          title={texts.composer.attach}
          disabled={images.length >= maxAttachments}
          onClick={() => picker.current?.click()}
        >
          <ImageIcon />
        </button>
        <input
          ref={picker}
          type="file"
          hidden
          multiple
          accept={imageTypes.join(',')}
          aria-label={texts.composer.attach}
          onChange={({ currentTarget: field }) => {
            void add(userId, [...(field.files ?? [])]);
            field.value = '';
            input.current?.focus();
          }}
        />
        <textarea
          ref={input}
          rows={1}
          dir="auto"
          aria-label={texts.composer.label(name)}
          placeholder={texts.composer.placeholder}
          value={text}
          data-focus={focusAtOnce ? '' : undefined}
          aria-invalid={left < 0}
          onChange={(event) => {
            write(userId, event.target.value);
            if (event.target.value.trim() !== '') hub?.typing(userId);
          }}
          onKeyDown={keys}
          onPaste={paste}
        />
        <button type="submit" className="send" aria-label={texts.composer.send} disabled={!canSend}>
          <SendIcon />
        </button>
      </div>
    </form>
  );
}

/** The photos that go with the next message. */
function Attached({ userId }: { userId: string }) {
  const images = useAttachments((state) => state.attachments[userId] ?? none);
  const remove = useAttachments((state) => state.remove);
  if (images.length === 0) return null;
  return (
    <ul className="attached" aria-label={texts.composer.attached}>
      {images.map((image) => (
        <li key={image.id}>
          <img src={image.url} alt={image.name} />
          <button
            type="button"
            className="icon-button"
            aria-label={texts.composer.remove(image.name)}
            onClick={() => remove(userId, image.id)}
          >
            <CloseIcon />
          </button>
        </li>
      ))}
    </ul>
  );
}
