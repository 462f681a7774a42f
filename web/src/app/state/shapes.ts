import type { Size } from '../logic/images';
import { isNumber, isRecordOf, readStored, writeStored } from './stored';

const key = 'hubbub.shapes';
const maxKept = 500;
const shapes = new Map(Object.entries(readStored(key, isRecordOf(isNumber)) ?? {}));

/** The width of an image divided by its height, if it was seen before. */
export function shapeOf(src: string): number | undefined {
  return shapes.get(src);
}

/** Remembers the shape of an image, so that its box is right from the start the next time. */
export function rememberShape(src: string, size: Size): void {
  if (size.width === 0 || size.height === 0 || shapes.has(src) || src.startsWith('data:')) return;
  shapes.set(src, Math.round((size.width / size.height) * 1000) / 1000);
  for (const oldest of shapes.keys()) {
    if (shapes.size <= maxKept) break;
    shapes.delete(oldest);
  }
  writeStored(key, Object.fromEntries(shapes));
}
