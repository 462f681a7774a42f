import { useEffect, useRef, useState } from 'react';
import { boxRatio, type Size } from '../logic/images';
import { rememberShape, shapeOf } from '../state/shapes';
import { texts } from '../texts';
import { CloseIcon } from './icons';

const unknownShape = 4 / 3;

/** A photo in a message, in a box that has its size before the photo is there; a click shows all of it. */
export function Photo({ src, who }: { src: string; who: string }) {
  // A photo of mine stays what it was when the message is sent: loading it from the hub would make it flicker.
  const [shown] = useState(src);
  const [shape] = useState(() => shapeOf(src));
  const [state, setState] = useState<'loading' | 'ready' | 'lost'>('loading');
  const [size, setSize] = useState<Size>();
  useEffect(() => {
    if (size !== undefined) rememberShape(src, size);
  }, [src, size]);
  const dialog = useRef<HTMLDialogElement>(null);
  const ratio = boxRatio({ width: shape ?? unknownShape, height: 1 });
  if (state === 'lost') {
    return (
      <div className="photo lost" style={{ aspectRatio: ratio }}>
        {texts.conversation.photoLost}
      </div>
    );
  }
  return (
    <>
      <button
        type="button"
        className={`photo ${state}`}
        style={{ aspectRatio: ratio }}
        aria-label={texts.conversation.openPhoto(who)}
        onClick={() => dialog.current?.showModal()}
      >
        <img
          src={shown}
          alt=""
          decoding="async"
          onError={() => setState('lost')}
          onLoad={({ currentTarget: image }) => {
            setSize({ width: image.naturalWidth, height: image.naturalHeight });
            setState('ready');
          }}
        />
      </button>
      <FullView ref={dialog} src={shown} label={texts.conversation.photoFrom(who)} />
    </>
  );
}

interface FullViewProps {
  src: string;
  label: string;
  ref: React.RefObject<HTMLDialogElement | null>;
}

function FullView({ src, label, ref }: FullViewProps) {
  const close = () => ref.current?.close();
  return (
    <dialog ref={ref} className="full-view" aria-label={label} onClick={close} onKeyDown={(event) => event.stopPropagation()}>
      <img src={src} alt={label} loading="lazy" />
      <button type="button" className="icon-button" aria-label={texts.close} onClick={close}>
        <CloseIcon />
      </button>
    </dialog>
  );
}
