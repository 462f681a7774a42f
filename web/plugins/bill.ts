import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Plugin } from 'vite';

interface Locked {
  version: string;
  integrity?: string;
}

/** Names the packages that went into the client, for the bill of materials of whatever it is compiled into. */
export function bill(file: string): Plugin {
  return {
    name: 'bill',
    apply: 'build',
    generateBundle(_, bundle) {
      const ids = Object.values(bundle).flatMap((output) => (output.type === 'chunk' ? output.moduleIds : []));
      const folders = new Set(ids.flatMap((id) => /^.*?\/(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)/.exec(id)?.[1] ?? []));
      const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
      const packages = [...folders].sort().map((folder) => {
        const { name, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { name: string; license?: string };
        const locked = lock.packages[folder];
        if (locked === undefined || license === undefined) this.error(`${folder} is not locked, or has no licence`);
        return { name, version: locked.version, license, integrity: locked.integrity };
      });
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${JSON.stringify(packages, null, 2)}\n`);
    },
  };
}
