// What of images needs a browser: reading, drawing, encoding.
import { sourceSquare, type Crop } from './logic/crop';
import { attempts, dataUrlBytes, fitInside, pictureLimits, sendLimits, treatment, type Size } from './logic/images';

/** An image that is ready to be sent. */
export interface Prepared {
  id: string;
  name: string;
  /** Data URL. */
  url: string;
  size: Size;
}

let lastId = 0;

/** Reads an image and makes it as small as sending needs; or says why that can't be. */
export async function prepareImage(file: File): Promise<Prepared | 'notAnImage' | 'tooLarge'> {
  const bitmap = await decode(file);
  if (bitmap === undefined) return 'notAnImage';
  const size = { width: bitmap.width, height: bitmap.height };
  const id = String((lastId += 1));
  try {
    const wanted = treatment(file.type, file.size, size);
    if (wanted === 'too-large') return 'tooLarge';
    if (wanted === 'keep') return { id, name: file.name, url: await readAsDataUrl(file), size };
    const url = await encode(sendLimits.edge, sendLimits.bytes, (edge) => draw(bitmap, { x: 0, y: 0, ...size }, fitInside(size, edge)));
    return url === undefined ? 'tooLarge' : { id, name: file.name, url, size: fitInside(size, sendLimits.edge) };
  } finally {
    bitmap.close();
  }
}

/** Cuts a square out of an image and encodes it as a profile picture. */
export async function cutPicture(bitmap: ImageBitmap, crop: Crop): Promise<string | undefined> {
  const { x, y, edge: width } = sourceSquare(crop, bitmap);
  return encode(Math.min(pictureLimits.edge, Math.ceil(width)), pictureLimits.bytes, (edge) =>
    draw(bitmap, { x, y, width, height: width }, { width: edge, height: edge }),
  );
}

/** The picture in a file, if it is one. */
export async function decode(file: Blob): Promise<ImageBitmap | undefined> {
  if (!file.type.startsWith('image/') || file.type === 'image/svg+xml') return undefined;
  return createImageBitmap(file).catch(() => undefined);
}

async function encode(edge: number, maxBytes: number, drawn: (edge: number) => HTMLCanvasElement): Promise<string | undefined> {
  for (const attempt of attempts(edge)) {
    const canvas = drawn(attempt.edge);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', attempt.quality));
    if (blob === null) return undefined;
    const url = blob.size <= maxBytes ? await readAsDataUrl(blob) : undefined;
    if (url !== undefined && dataUrlBytes(url) <= maxBytes) return url;
  }
  return undefined;
}

function draw(bitmap: ImageBitmap, from: Size & { x: number; y: number }, to: Size): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = to.width;
  canvas.height = to.height;
  const context = canvas.getContext('2d');
  if (context !== null) {
    // JPEG has no transparency; black is what would be there otherwise.
    context.fillStyle = '#fff';
    context.fillRect(0, 0, to.width, to.height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, from.x, from.y, from.width, from.height, 0, 0, to.width, to.height);
  }
  return canvas;
}

function readAsDataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => (typeof reader.result === 'string' ? resolve(reader.result) : reject(new Error('not a data URL')));
    reader.onerror = () => reject(reader.error ?? new Error('not readable'));
    reader.readAsDataURL(blob);
  });
}
