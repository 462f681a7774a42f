// A thousand conversations, and ten thousand messages in one of them.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { log, sidebar } from './support/pages.mjs';
import { conversations, conversationsWithAll, people } from './support/seed.mjs';
import { oneNodeWithPostgres, SECRET } from './support/stand.mjs';

const hub = oneNodeWithPostgres();
const CONVERSATIONS = 1_000;
const MESSAGES = 10_000;
/** Rows that may exist at a time, however many there are. */
const MOST_ROWS = 100;
/** Milliseconds: a machine that has other things to do counts, too. */
const MEDIAN_FRAME = 60;

/**
 * Scrolls a list by `step` pixels a frame until `last` is on the page or the time is over: `{frames, rows, ended}`, the times between frames
 * and the rows that existed at most.
 */
const scrolls = (list, { rows, step, last, ms }) =>
  list.evaluate(
    (box, { rows, step, last, ms }) =>
      new Promise((resolve) => {
        const result = { frames: [], rows: 0, ended: false };
        const start = performance.now();
        let before;
        const look = (now) => {
          if (before !== undefined) result.frames.push(now - before);
          before = now;
          result.rows = Math.max(result.rows, box.querySelectorAll(rows).length);
          result.ended = box.textContent.includes(last);
          if (result.ended || now - start > ms) resolve(result);
          else {
            box.scrollTop += step;
            requestAnimationFrame(look);
          }
        };
        requestAnimationFrame(look);
      }),
    { rows, step, last, ms },
  );

function report(t, what, { frames, rows }) {
  const sorted = [...frames].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  t.diagnostic(
    `${what}: ${frames.length} frames, median ${median.toFixed(1)} ms, worst ${sorted.at(-1).toFixed(1)} ms; at most ${rows} rows`,
  );
  assert.ok(rows < MOST_ROWS, `${rows} rows`);
  assert.ok(median < MEDIAN_FRAME, `${median} ms`);
}

story('1,000 conversations and 10,000 messages scroll, with few rows on the page', async ({ opens, t }) => {
  const [alice] = await people(hub.database, SECRET, CONVERSATIONS + 1);
  await conversationsWithAll(hub.database, alice);
  const [carol] = await people(hub.database, SECRET, 1);
  await conversations(hub.database, [[alice, carol]], MESSAGES);
  const page = await opens(hub.url, { account: alice });
  await sidebar(page).getByText('hello number 1', { exact: true }).waitFor();

  const list = sidebar(page).locator('.rows');
  const through = await scrolls(list, { rows: '.row', step: 400, last: `hello number ${CONVERSATIONS}`, ms: 15_000 });
  report(t, 'conversations', through);
  assert.ok(through.ended);

  await page.goto(`${hub.url}/c/${carol.id}`);
  await log(page).getByText(`message ${MESSAGES} of`).waitFor();
  const back = await scrolls(log(page), { rows: '.message-row', step: -1_500, last: 'message 1 of', ms: 25_000 });
  report(t, 'messages', back);
  assert.ok(back.ended);
});
