// Long conversations: older pages come in above what one reads.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { log } from './support/pages.mjs';
import { conversations, people } from './support/seed.mjs';
import { oneNodeWithPostgres, SECRET } from './support/stand.mjs';
import { until } from '../client/faults/program.mjs';

const hub = oneNodeWithPostgres();
const MESSAGES = 500;
/** What rounding may move a message by, in pixels. */
const TOLERANCE = 3;

const numbersIn = (page) => log(page).locator('.bubble-text').evaluateAll((all) => all.map((one) => Number(/^message (\d+) /.exec(one.textContent)?.[1])));

/**
 * Watches each frame from now on: by how much the messages on the screen moved, other than by the scrolling that the page asked for, and how many
 * rows there were. Answers how to read it.
 */
async function watchesJumps(page) {
  await log(page).evaluate((box) => {
    const state = (globalThis.jumps = { worst: 0, moves: [], rows: 0, frames: 0, scrolled: 0 });
    let before = new Map();
    const look = () => {
      const now = new Map();
      const frame = box.getBoundingClientRect();
      for (const text of box.querySelectorAll('.bubble-text')) {
        const { top, bottom } = text.getBoundingClientRect();
        if (bottom > frame.top && top < frame.bottom) now.set(text.textContent, top);
      }
      const moved = [...now].filter(([text]) => before.has(text)).map(([text, top]) => top - before.get(text));
      // All that stay on the screen move together; by as much as was scrolled, if nothing jumps.
      if (moved.length > 0) {
        const off = Math.max(...moved.map((by) => Math.abs(by - state.scrolled)));
        if (off > state.worst) state.worst = off;
        if (off > 3) state.moves.push({ off, scrolled: state.scrolled, messages: moved.length });
      }
      state.scrolled = 0;
      state.frames += 1;
      state.rows = Math.max(state.rows, box.querySelectorAll('.message-row').length);
      before = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  return () => page.evaluate(() => globalThis.jumps);
}

/** Scrolls up by that much in the next frame. Where the list ends, by less. */
const scrollsUp = (page, by) =>
  log(page).evaluate(
    (box, by) =>
      new Promise((resolve) =>
        requestAnimationFrame(() => {
          const before = box.scrollTop;
          box.scrollTop -= by;
          globalThis.jumps.scrolled += before - box.scrollTop;
          requestAnimationFrame(() => resolve(box.scrollTop));
        }),
      ),
    by,
  );

story('500 messages come in by scrolling up, and what one reads stays where it is', async ({ opens, t }) => {
  const [alice, bob] = await people(hub.database, SECRET, 2);
  await conversations(hub.database, [[alice, bob]], MESSAGES);
  const page = await opens(`${hub.url}/c/${bob.id}`, { account: alice });
  await log(page).getByText(`message ${MESSAGES} of`).waitFor();
  const watched = await watchesJumps(page);
  const seen = new Set();

  await until(
    async () => {
      (await numbersIn(page)).forEach((number) => seen.add(number));
      return (await scrollsUp(page, 600)) <= 0 && (await page.getByText('This is where your conversation').isVisible());
    },
    25_000,
    () => `the beginning is reached; ${seen.size} seen, the first is ${Math.min(...seen)}`,
    0,
  );
  (await numbersIn(page)).forEach((number) => seen.add(number));

  const { worst, moves, rows, frames } = await watched();
  t.diagnostic(`${frames} frames: moved by at most ${worst.toFixed(1)} px, at most ${rows} rows at a time`);
  assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: MESSAGES }, (_, i) => i + 1));
  assert.ok(worst <= TOLERANCE, `moved by ${worst} px: ${JSON.stringify(moves)}`);
  assert.ok(rows < 100, `${rows} rows`);
});
