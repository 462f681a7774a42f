import { defineConfig } from 'vitest/config';

// During development the hub of `make run` answers what isn't a file of the client.
const hub = process.env['HUBBUB_URL'] ?? 'http://127.0.0.1:3000';

export default defineConfig({
  // The page allows scripts and styles from its own origin only: nothing may be written into it as text.
  build: { outDir: 'dist', assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false, target: 'es2022' },
  server: { proxy: { '/api': hub, '/media': hub, '/socket.io': { target: hub, ws: true } } },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] },
});
