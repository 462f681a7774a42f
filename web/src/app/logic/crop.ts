import type { Size } from './images';

/** A square cut from an image: its centre as shares of width and height, and how much it is enlarged (1 = as much as fits). */
export interface Crop {
  x: number;
  y: number;
  zoom: number;
}

export const maxZoom = 5;

/** The largest square, in the middle. */
export const centred: Crop = { x: 0.5, y: 0.5, zoom: 1 };

/** The edge of the square in pixels of the image. */
function edgeOf(size: Size, zoom: number): number {
  return Math.min(size.width, size.height) / zoom;
}

/** The same crop, moved so that it lies within the image. */
export function clampCrop(crop: Crop, size: Size): Crop {
  const zoom = Math.min(maxZoom, Math.max(1, crop.zoom));
  const edge = edgeOf(size, zoom);
  return { x: within(crop.x, edge / 2 / size.width), y: within(crop.y, edge / 2 / size.height), zoom };
}

function within(value: number, margin: number): number {
  return Math.min(1 - margin, Math.max(margin, value));
}

/** Moves the image below the square by pixels of a view with the edge `view`. */
export function drag(crop: Crop, size: Size, view: number, dx: number, dy: number): Crop {
  const scale = edgeOf(size, crop.zoom) / view;
  return clampCrop({ ...crop, x: crop.x - (dx * scale) / size.width, y: crop.y - (dy * scale) / size.height }, size);
}

/** The part of the image that the crop cuts out, in its pixels. */
export function sourceSquare(crop: Crop, size: Size): { x: number; y: number; edge: number } {
  const edge = edgeOf(size, crop.zoom);
  return { x: crop.x * size.width - edge / 2, y: crop.y * size.height - edge / 2, edge };
}

/** Where to show the whole image so that the cropped square fills a view with the edge `view`. */
export function placement(crop: Crop, size: Size, view: number): { left: number; top: number; width: number; height: number } {
  const square = sourceSquare(crop, size);
  const scale = view / square.edge;
  return { left: -square.x * scale, top: -square.y * scale, width: size.width * scale, height: size.height * scale };
}
