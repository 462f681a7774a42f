import type { Size } from '../logic/images';
import { isNumber, isRecordOf, readStored, writeStored } from './stored';

const key = 'hubbub.shapes';
const maxKept = 500;
const maxOnTheirWay = 20;
const onTheirWay = new Map<string, number>();
const shapes = new Map(Object.entries(readStored(key, isRecordOf(isNumber)) ?? {}));

/** The width of an image divided by its height, if it was seen before. */
export function shapeOf(src: string): number | undefined {
  return shapes.get(src) ?? onTheirWay.get(src);
}

/** Remembers the shape of an image, so that its box is right from the start the next time. */
export function rememberShape(src: string, size: Size): void {
  if (size.width === 0 || size.height === 0 || shapeOf(src) !== undefined) return;
  const shape = Math.round((size.width / size.height) * 1000) / 1000;
  // Photos on their way are named by all their bytes.
  if (src.startsWith('data:')) {
    put(onTheirWay, src, shape, maxOnTheirWay);
  } else {
    put(shapes, src, shape, maxKept);
    writeStored(key, Object.fromEntries(shapes));
  }
}

function put(into: Map<string, number>, src: string, shape: number, max: number): void {
  into.set(src, shape);
  for (const oldest of into.keys()) {
    if (into.size <= max) break;
    into.delete(oldest);
  }
}
