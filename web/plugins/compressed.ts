import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXTS = /\.(js|css|html|svg|webmanifest)$/;
/** Below this a compressed file saves nothing. */
const SMALL = 1_000;

/** Compressed files beside the others: once here, at the highest level, and never in the hub. `budget`: what all scripts may weigh together, in bytes with gzip. */
export function compressed(folder: string, budget: number): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      let scripts = 0;
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name);
        if (!entry.isFile() || !TEXTS.test(file)) continue;
        const plain = readFileSync(file);
        const gzip = gzipSync(plain, { level: 9 });
        if (file.endsWith('.js')) scripts += gzip.length;
        if (plain.length < SMALL) continue;
        writeFileSync(`${file}.gz`, gzip);
        writeFileSync(`${file}.br`, brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
      if (scripts > budget) this.error(`the scripts take ${scripts} bytes, and ${budget} are allowed`);
      this.info(`scripts: ${scripts} bytes compressed`);
    },
  };
}
