import { defineConfig } from 'vitest/config';
import { bill } from './plugins/bill.ts';
import { compressed } from './plugins/compressed.ts';

// During development the hub of `make run` answers what isn't a file of the client.
const hub = process.env['HUBBUB_URL'] ?? 'http://127.0.0.1:3000';
const OUT = 'dist/app';
/** What all scripts may weigh together, in bytes with gzip. */
const BUDGET = 150_000;

export default defineConfig({
  plugins: [bill('dist/packages.json'), compressed(OUT, BUDGET)],
  // The page's policy allows scripts and styles as files of its own origin only: nothing is written into it.
  build: {
    outDir: OUT,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    // `use client` is a word to servers that render React.
    rolldownOptions: { onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning) },
  },
  server: { proxy: { '/api': hub, '/media': hub, '/socket.io': { target: hub, ws: true } } },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
});
