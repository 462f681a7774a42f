import { expect, test } from 'vitest';
import { parsePath, pathOf, redirect, type Route } from './router';

test('every place has a path that leads back to it', () => {
  const routes: Route[] = [
    { page: 'conversations' },
    { page: 'conversation', userId: '01a20afc-5cdb-7537-854b-dc39970ff33e' },
    { page: 'people' },
    { page: 'profile' },
    { page: 'login' },
    { page: 'signup' },
  ];
  for (const route of routes) expect(parsePath(pathOf(route))).toEqual(route);
});

test('a slash at the end changes nothing', () => {
  expect(parsePath('/people/')).toEqual({ page: 'people' });
});

test('unknown paths and odd ids are no place', () => {
  for (const path of ['/nowhere', '/c', '/c/', '/c/a/b', '/c/a%20b', '/people/x']) expect(parsePath(path)).toBeUndefined();
});

test('who is not logged in is led to the log-in page, except from public pages', () => {
  expect(redirect({ page: 'people' }, false)).toEqual({ page: 'login' });
  expect(redirect(undefined, false)).toEqual({ page: 'login' });
  expect(redirect({ page: 'signup' }, false)).toBeUndefined();
});

test('who is logged in is led away from public and unknown pages', () => {
  expect(redirect({ page: 'login' }, true)).toEqual({ page: 'conversations' });
  expect(redirect(undefined, true)).toEqual({ page: 'conversations' });
  expect(redirect({ page: 'profile' }, true)).toBeUndefined();
});
