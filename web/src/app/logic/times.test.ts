import { expect, test } from 'vitest';
import { en } from '../texts';
import { createTimes } from './times';

const times = createTimes(en.times, 'en-GB', 'UTC');
const now = Date.parse('2026-11-24T12:00:00.000Z');

test('days are named the closer the more familiarly', () => {
  expect(times.dayName('2026-11-24T00:00:00.000Z', now)).toBe('Today');
  expect(times.dayName('2026-11-23T23:59:00.000Z', now)).toBe('Yesterday');
  expect(times.dayName('2026-11-20T10:00:00.000Z', now)).toBe('Friday');
  expect(times.dayName('2026-11-03T10:00:00.000Z', now)).toBe('3 November');
  expect(times.dayName('2025-11-03T10:00:00.000Z', now)).toBe('3 November 2025');
});

test('days begin at midnight of the time zone', () => {
  const tokyo = createTimes(en.times, 'en-GB', 'Asia/Tokyo');
  expect(tokyo.dayKey('2026-11-24T14:59:00.000Z')).toBe('2026-11-24');
  expect(tokyo.dayKey('2026-11-24T15:00:00.000Z')).toBe('2026-11-25');
});

test('lists have the shortest form', () => {
  expect(times.brief('2026-11-24T09:05:00.000Z', now)).toBe('9:05');
  expect(times.brief('2026-11-23T09:05:00.000Z', now)).toBe('Yesterday');
  expect(times.brief('2026-11-20T09:05:00.000Z', now)).toBe('Fri');
  expect(times.brief('2026-11-03T09:05:00.000Z', now)).toBe('3 Nov');
  expect(times.brief('2024-11-03T09:05:00.000Z', now)).toBe('03/11/24');
});

test('last seen is told in minutes first, then by clock, then by day', () => {
  expect(times.lastSeen('2026-11-24T11:59:30.000Z', now)).toBe('last seen just now');
  expect(times.lastSeen('2026-11-24T11:59:00.000Z', now)).toBe('last seen 1 minute ago');
  expect(times.lastSeen('2026-11-24T11:15:00.000Z', now)).toBe('last seen 45 minutes ago');
  expect(times.lastSeen('2026-11-24T09:05:00.000Z', now)).toBe('last seen today at 9:05');
  expect(times.lastSeen('2026-11-23T09:05:00.000Z', now)).toBe('last seen yesterday at 9:05');
  expect(times.lastSeen('2026-11-03T09:05:00.000Z', now)).toBe('last seen 3 November');
});

test('a clock that is a little ahead of ours says just now', () => {
  expect(times.lastSeen('2026-11-24T12:00:05.000Z', now)).toBe('last seen just now');
});
