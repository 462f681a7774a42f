import { expect, test } from 'vitest';
import { parseLinks } from './links';

const links = (text: string) =>
  parseLinks(text)
    .filter((segment) => segment.href !== undefined)
    .map((segment) => segment.text);

test('a text without links is one plain piece', () => {
  expect(parseLinks('hello')).toEqual([{ text: 'hello' }]);
});

test('links stand between plain pieces', () => {
  expect(parseLinks('see https://example.org/a?b=c#d now')).toEqual([
    { text: 'see ' },
    { text: 'https://example.org/a?b=c#d', href: 'https://example.org/a?b=c#d' },
    { text: ' now' },
  ]);
});

test('the pieces put together are the text', () => {
  const text = '(https://a.org), "http://b.org" https:// http://x y https://c.org/(d)!';
  expect(
    parseLinks(text)
      .map((segment) => segment.text)
      .join(''),
  ).toBe(text);
});

test('punctuation at the end belongs to the sentence', () => {
  expect(links('Look at https://example.org. And http://example.com/x!?')).toEqual(['https://example.org', 'http://example.com/x']);
});

test('brackets belong to a link only if they were opened in it', () => {
  expect(links('(see https://example.org/a)')).toEqual(['https://example.org/a']);
  expect(links('https://en.wikipedia.org/wiki/Hub_(network)')).toEqual(['https://en.wikipedia.org/wiki/Hub_(network)']);
});

test('other schemes are no links', () => {
  expect(links('javascript:alert(1) data:text/html,x ftp://example.org file:///etc/passwd')).toEqual([]);
});

test('markup in a text is no part of a link', () => {
  expect(links('https://example.org"onclick=x <https://example.com>')).toEqual(['https://example.org', 'https://example.com']);
});
