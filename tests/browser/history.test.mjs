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

/** By how much messages on the screen moved while nobody scrolled, as `{worst, moves, rows}`. */
const jumps = (page) => page.evaluate(() => globalThis.jumps);

const numbersIn = (page) =>
  log(page)
    .locator('.bubble-text')
    .evaluateAll((all) => all.map(({ textContent }) => Number(/^message (\d+) /.exec(textContent)?.[1])));

/** Looks at each frame from now on where the messages on the screen are, unless `globalThis.scrolling`. */
function watchesJumps(page) {
  return log(page).evaluate((box) => {
    const state = (globalThis.jumps = { worst: 0, moves: [], rows: 0 });
    let before = new Map();
    const look = () => {
      const now = new Map();
      const frame = box.getBoundingClientRect();
      for (const text of box.querySelectorAll('.bubble-text')) {
        const { top, bottom } = text.getBoundingClientRect();
        if (bottom > frame.top && top < frame.bottom) now.set(text.textContent, top);
      }
      const moved = [...now].filter(([text]) => before.has(text)).map(([text, top]) => Math.abs(top - before.get(text)));
      const by = Math.max(0, ...moved);
      if (!globalThis.scrolling) {
        state.worst = Math.max(state.worst, by);
        if (by > 1) state.moves.push({ by, messages: moved.length, of: now.size });
      }
      state.rows = Math.max(state.rows, box.querySelectorAll('.message-row').length);
      before = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}

/** Scrolls up and resolves with where that leads, once the list has noticed. */
const scrollsUp = (page, by) =>
  log(page).evaluate(async (box, by) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    globalThis.scrolling = true;
    box.scrollTop -= by;
    for (let i = 0; i < 3; i += 1) await frame();
    globalThis.scrolling = false;
    return box.scrollTop;
  }, by);

for (const [how, step] of [
  ['by and by', 500],
  ['to the top at once, again and again', 100_000],
]) {
  story(`500 messages come in by scrolling up ${how}, and what one reads stays where it is`, async ({ opens, t }) => {
    const [alice, bob] = await people(hub.database, SECRET, 2);
    await conversations(hub.database, [[alice, bob]], MESSAGES);
    const page = await opens(`${hub.url}/c/${bob.id}`, { account: alice });
    await log(page).getByText(`message ${MESSAGES} of`).waitFor();
    await watchesJumps(page);
    const seen = new Set(await numbersIn(page));
    const loading = page.getByRole('status', { name: 'Loading earlier messages' });

    const reachesTop = async () => {
      const top = await scrollsUp(page, step);
      await loading.waitFor({ state: 'hidden' });
      (await numbersIn(page)).forEach((number) => seen.add(number));
      return top <= 0 && (await page.getByText('This is where your conversation').isVisible());
    };
    await until(reachesTop, 25_000, () => `the beginning is reached; ${seen.size} seen, the first is ${Math.min(...seen)}`, 0);

    const { worst, moves, rows } = await jumps(page);
    t.diagnostic(`moved by at most ${worst.toFixed(1)} px, at most ${rows} rows at a time`);
    const all = Array.from({ length: MESSAGES }, (_, i) => i + 1);
    if (step < 1_000)
      assert.deepEqual(
        [...seen].sort((a, b) => a - b),
        all,
      );
    assert.ok(worst <= TOLERANCE, `moved by ${worst} px: ${JSON.stringify(moves)}`);
    assert.ok(rows < 100, `${rows} rows`);
  });
}

story('a conversation that is opened by its address is there once, and does not flash when the connection comes', async ({ opens }) => {
  const [alice, bob] = await people(hub.database, SECRET, 2);
  await conversations(hub.database, [[alice, bob]], 30);
  await opens(hub.url, { account: bob });
  const page = await opens(`${hub.url}/login`);
  await page.addInitScript(() => {
    globalThis.removed = 0;
    const isLog = (node) => node instanceof Element && (node.matches('[role=log]') || node.querySelector('[role=log]') !== null);
    new MutationObserver((changes) => {
      for (const { removedNodes } of changes) globalThis.removed += [...removedNodes].filter(isLog).length;
    }).observe(document, { subtree: true, childList: true });
  });
  await page.context().addCookies([{ name: 'jwt', value: alice.token, url: hub.url }]);

  await page.goto(`${hub.url}/c/${bob.id}`);
  // That he is online is told by the connection.
  await page.locator('.pane-head').getByText('online').waitFor();
  await log(page).getByText('message 30 of').waitFor();
  assert.equal(await page.evaluate(() => globalThis.removed), 0);
});
