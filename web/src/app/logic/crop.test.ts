import { expect, test } from 'vitest';
import { centred, clampCrop, drag, maxZoom, placement, sourceSquare } from './crop';

const wide = { width: 800, height: 400 };

test('at first the largest square in the middle is cut out', () => {
  expect(sourceSquare(centred, wide)).toEqual({ x: 200, y: 0, edge: 400 });
});

test('zooming cuts out a smaller square around the same centre', () => {
  expect(sourceSquare({ ...centred, zoom: 2 }, wide)).toEqual({ x: 300, y: 100, edge: 200 });
});

test('the square never leaves the image', () => {
  expect(sourceSquare(clampCrop({ x: -3, y: 9, zoom: 1 }, wide), wide)).toEqual({ x: 0, y: 0, edge: 400 });
  const square = sourceSquare(clampCrop({ x: 1, y: 1, zoom: 4 }, wide), wide);
  expect(square).toEqual({ x: 700, y: 300, edge: 100 });
});

test('zoom has bounds', () => {
  expect(clampCrop({ ...centred, zoom: 0.1 }, wide).zoom).toBe(1);
  expect(clampCrop({ ...centred, zoom: 99 }, wide).zoom).toBe(maxZoom);
});

test('dragging to the right shows more of the left', () => {
  const moved = drag(centred, wide, 200, 50, 0);
  expect(sourceSquare(moved, wide)).toEqual({ x: 100, y: 0, edge: 400 });
});

test('the image is placed so that the square fills the view', () => {
  expect(placement(centred, wide, 200)).toEqual({ left: -100, top: -0, width: 400, height: 200 });
});
