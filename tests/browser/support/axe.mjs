// axe looks for what keeps people out: contrast, names, roles, order of headings.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails with what axe finds on the page as it is, in light and in dark. It comes by the debugger, which the page's policy doesn't bind. */
export async function isAccessible(page, what) {
  await page.evaluate(`globalThis.axe ?? (() => { ${source} })()`);
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const violations = await page.evaluate(async () => {
      // The new colors are there after a frame, and what fades after that.
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const ends = (animation) => animation.effect.getComputedTiming().endTime < Infinity;
      await Promise.all(
        document
          .getAnimations()
          .filter(ends)
          .map((animation) => animation.finished.catch(() => {})),
      );
      const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
      return violations.map(({ id, help, nodes }) => ({
        id,
        help,
        nodes: nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`),
      }));
    });
    assert.deepEqual(violations, [], `${what}, ${colorScheme}`);
  }
}
