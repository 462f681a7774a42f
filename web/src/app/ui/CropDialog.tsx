import { useEffect, useId, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { centred, clampCrop, drag, maxZoom, placement, type Crop } from '../logic/crop';
import type { Size } from '../logic/images';
import { texts } from '../texts';

/** The edge of the view on the picture, in CSS pixels. */
const view = 264;
const keyStep = 12;
const zoomStep = 0.1;

interface Props {
  url: string;
  size: Size;
  /** Answers what went wrong, if anything. */
  onUse: (crop: Crop) => Promise<string | undefined>;
  onClose: () => void;
}

/** Lets one move and zoom a picture behind a round window. */
export function CropDialog({ url, size, onUse, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const [crop, setCrop] = useState(centred);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const move = (dx: number, dy: number) => setCrop((before) => drag(before, size, view, dx, dy));
  const zoomTo = (zoom: (before: number) => number) => setCrop((before) => clampCrop({ ...before, zoom: zoom(before.zoom) }, size));
  const pointer = (event: PointerEvent<HTMLDivElement>) => {
    if (event.currentTarget.hasPointerCapture(event.pointerId)) move(event.movementX, event.movementY);
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [dx = 0, dy = 0] = step ?? [];
    if (step !== undefined) move(dx * keyStep, dy * keyStep);
    else if (event.key === '+' || event.key === '=') zoomTo((zoom) => zoom + zoomStep);
    else if (event.key === '-') zoomTo((zoom) => zoom - zoomStep);
    else return;
    event.preventDefault();
  };
  const use = async () => {
    setBusy(true);
    const problem = await onUse(crop);
    setError(problem);
    setBusy(false);
    if (problem === undefined) dialog.current?.close();
  };

  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={`${id}-title`} onClose={onClose}>
      <h2 id={`${id}-title`}>{texts.profile.cropTitle}</h2>
      <div
        className="crop"
        role="application"
        tabIndex={0}
        aria-label={texts.profile.cropArea}
        onKeyDown={keys}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={pointer}
        onWheel={(event) => zoomTo((zoom) => zoom * Math.exp(-event.deltaY / 500))}
      >
        <img src={url} alt="" draggable={false} style={placement(crop, size, view)} />
        <span className="crop-window" />
      </div>
      <label className="zoom">
        <span>{texts.profile.zoom}</span>
        <input
          type="range"
          min={1}
          max={maxZoom}
          step={0.01}
          value={crop.zoom}
          onChange={(event) => zoomTo(() => Number(event.target.value))}
        />
      </label>
      {error !== undefined && (
        <p className="callout bad" role="alert">
          {error}
        </p>
      )}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={() => dialog.current?.close()}>
          {texts.cancel}
        </button>
        <button type="button" className="button primary" disabled={busy} onClick={() => void use()}>
          {texts.profile.use}
        </button>
      </div>
    </dialog>
  );
}
