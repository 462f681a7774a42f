import { expect, test } from 'vitest';
import { attempts, boxRatio, dataUrlBytes, fitInside, treatment } from './images';

test('an image is shrunk to the longest edge and keeps its shape', () => {
  expect(fitInside({ width: 4000, height: 3000 }, 2048)).toEqual({ width: 2048, height: 1536 });
  expect(fitInside({ width: 3000, height: 4000 }, 2048)).toEqual({ width: 1536, height: 2048 });
});

test('an image is never enlarged and never vanishes', () => {
  expect(fitInside({ width: 20, height: 10 }, 2048)).toEqual({ width: 20, height: 10 });
  expect(fitInside({ width: 100_000, height: 1 }, 512)).toEqual({ width: 512, height: 1 });
});

test('small images stay as they are', () => {
  expect(treatment('image/png', 400_000, { width: 800, height: 600 })).toBe('keep');
});

test('images that are large in bytes or in pixels, or of other types, are drawn anew', () => {
  expect(treatment('image/jpeg', 4_000_000, { width: 800, height: 600 })).toBe('shrink');
  expect(treatment('image/jpeg', 400_000, { width: 4000, height: 600 })).toBe('shrink');
  expect(treatment('image/bmp', 400_000, { width: 800, height: 600 })).toBe('shrink');
});

test('animations are kept, or refused if the hub would', () => {
  expect(treatment('image/gif', 3_000_000, { width: 4000, height: 600 })).toBe('keep');
  expect(treatment('image/gif', 4_000_000, { width: 10, height: 10 })).toBe('too-large');
});

test('the attempts to encode get smaller and come to an end', () => {
  const tries = attempts(2048);
  expect(tries.length).toBeLessThan(20);
  expect(tries[0]?.edge).toBe(2048);
  for (let i = 1; i < tries.length; i++) expect(tries[i]?.edge).toBeLessThanOrEqual(tries[i - 1]?.edge ?? 0);
});

test('the bytes of a data URL are counted without its padding', () => {
  expect(dataUrlBytes(`data:image/png;base64,${btoa('a')}`)).toBe(1);
  expect(dataUrlBytes(`data:image/png;base64,${btoa('ab')}`)).toBe(2);
  expect(dataUrlBytes(`data:image/png;base64,${btoa('abc')}`)).toBe(3);
});

test('the box of an image has its shape within bounds', () => {
  expect(boxRatio({ width: 400, height: 300 })).toBeCloseTo(4 / 3);
  expect(boxRatio({ width: 4000, height: 3 })).toBe(2.2);
  expect(boxRatio({ width: 3, height: 4000 })).toBe(0.8);
});
