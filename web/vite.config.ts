import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig } from 'vitest/config';
import type { Plugin } from 'vite';

// During development the hub of `make run` answers what isn't a file of the client.
const hub = process.env['HUBBUB_URL'] ?? 'http://127.0.0.1:3000';
const OUT = 'dist/app';
const TEXTS = /\.(js|css|html|svg|webmanifest)$/;
/** Below this a compressed file saves nothing. */
const SMALL = 1_000;
/** What all scripts may weigh together, compressed with gzip. */
const BUDGET = 150_000;

/** Compressed files beside the others: once here, at the highest level, and never in the hub. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      let scripts = 0;
      for (const entry of readdirSync(OUT, { recursive: true, withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name);
        if (!entry.isFile() || !TEXTS.test(file)) continue;
        const plain = readFileSync(file);
        const gzip = gzipSync(plain, { level: 9 });
        if (file.endsWith('.js')) scripts += gzip.length;
        if (plain.length < SMALL) continue;
        writeFileSync(`${file}.gz`, gzip);
        writeFileSync(`${file}.br`, brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
      if (scripts > BUDGET) this.error(`the scripts take ${scripts} bytes, and ${BUDGET} are allowed`);
      this.info(`scripts: ${scripts} bytes compressed`);
    },
  };
}

export default defineConfig({
  plugins: [compressed()],
  // The page's policy allows scripts and styles as files of its own origin only: nothing is written into it.
  build: { outDir: OUT, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: 'es2022' },
  server: { proxy: { '/api': hub, '/media': hub, '/socket.io': { target: hub, ws: true } } },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
});
