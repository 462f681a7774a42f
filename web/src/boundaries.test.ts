import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const src = dirname(fileURLToPath(import.meta.url));

/** What the modules of a folder import: packages by name, files by their path below src. */
function imports(folder: string): { file: string; target: string }[] {
  const files = readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
  return files.flatMap((name) => {
    const file = join(src, folder, name);
    const targets = [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s+'([^']+)'/g)].map(([, target = '']) => target);
    return targets.map((target) => ({ file: relative(src, file), target: target.startsWith('.') ? relative(src, resolve(dirname(file), target)) : target }));
  });
}

test('the client package needs nothing of the application, nor React', () => {
  const foreign = imports('hub').filter(({ target }) => target.startsWith('app') || /^(react|zustand|virtua)/.test(target));
  expect(foreign).toEqual([]);
});

test('the application reaches the client package by its front door only', () => {
  const inner = imports('app').filter(({ target }) => target.startsWith('hub/'));
  expect(inner).toEqual([]);
});
