/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** What an image may be for the hub to take it in. */
export const sendLimits = { edge: 2048, bytes: 1_500_000, animatedBytes: 3_500_000 };

/** What a profile picture is made to be. */
export const pictureLimits = { edge: 512, bytes: 300_000 };

/** The types that the hub takes. */
export const imageTypes = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

/** The largest size of the same shape whose edges are at most `edge`; never larger than it was, never less than a pixel. */
export function fitInside({ width, height }: Size, edge: number): Size {
  const scale = Math.min(1, edge / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** What to do with an image before it is sent. */
export type Treatment = 'keep' | 'shrink' | 'too-large';

/** Small images go as they are, and animations, which would stand still after drawing them anew. */
export function treatment(type: string, bytes: number, size: Size): Treatment {
  if (type === 'image/gif') return bytes <= sendLimits.animatedBytes ? 'keep' : 'too-large';
  const small = bytes <= sendLimits.bytes && Math.max(size.width, size.height) <= sendLimits.edge;
  return small && imageTypes.includes(type) ? 'keep' : 'shrink';
}

/** How to encode, in the order to try it: first less quality, then fewer pixels. */
export function attempts(edge: number): { edge: number; quality: number }[] {
  const tries: { edge: number; quality: number }[] = [];
  for (const scale of [1, 0.75, 0.5, 0.35]) {
    for (const quality of [0.86, 0.74, 0.6]) tries.push({ edge: Math.round(edge * scale), quality });
  }
  return tries;
}

/** How many bytes the base64 part of a data URL stands for. */
export function dataUrlBytes(url: string): number {
  const data = url.slice(url.indexOf(',') + 1);
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  return (data.length / 4) * 3 - padding;
}

/** The shape of the box of an image: its own, within bounds so that a bubble is neither a line nor a tower. */
export function boxRatio({ width, height }: Size): number {
  return Math.min(2.2, Math.max(0.8, width / height));
}
