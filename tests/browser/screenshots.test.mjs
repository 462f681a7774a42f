// Pictures of the client for the documentation: written on demand only, so that tests leave the tree as it is.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PATIENCE, story } from './support/browser.mjs';
import { composer, log, row, sidebar } from './support/pages.mjs';
import { oneNodeWithPostgres } from './support/stand.mjs';
import { village } from './support/village.mjs';
import { until } from '../client/faults/program.mjs';

const OUT = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const MOST_BYTES = 150_000;
const SIZES = { wide: { width: 1200, height: 800 }, narrow: { width: 390, height: 844 } };
const ONLINE = ['Mateo Alvarez', 'Aisha Rahman', 'Priya Nair'];

const skip = process.env.SCREENSHOTS ? false : 'SCREENSHOTS=1 writes them';
const hub = skip ? undefined : oneNodeWithPostgres();

/** Resolves when the pictures on the screen are there; others load later, or never. */
function picturesOnScreen() {
  const seen = [...document.images].filter((image) => image.checkVisibility() && image.getBoundingClientRect().top < innerHeight);
  return Promise.all(seen.map((image) => image.decode().catch(() => {})));
}

async function keeps(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(picturesOnScreen);
    const png = await page.screenshot({ animations: 'disabled', caret: 'hide' });
    assert.ok(png.length < MOST_BYTES, `${name}: ${png.length} bytes`);
    await writeFile(`${OUT}${name}-${colorScheme}.png`, png);
  }
}

story(
  'the main screens, light and dark, wide and narrow',
  async ({ opens, t }) => {
    await mkdir(OUT, { recursive: true });
    const drawing = await opens(hub.url);
    const { me, people } = await village(hub, drawing);
    const pages = new Map();
    for (const name of ONLINE) pages.set(name, await opens(hub.url, { account: people.get(name) }));

    for (const [size, viewport] of Object.entries(SIZES)) {
      const anonymous = await opens(hub.url, { viewport });
      await anonymous.getByRole('heading', { name: 'Welcome back' }).waitFor();
      await keeps(anonymous, `log-in-${size}`);

      const page = await opens(hub.url, { account: me, viewport });
      await sidebar(page)
        .locator('.avatar-dot')
        .nth(ONLINE.length - 1)
        .waitFor();
      if (size === 'narrow') await keeps(page, `conversations-${size}`);
      await row(page, 'Mateo Alvarez').click();
      await log(page).getByText('See you there!').waitFor();
      // He writes while the picture is taken.
      const theirs = pages.get('Mateo Alvarez');
      if (size === 'wide') await row(theirs, me.name).click();
      const typing = page.getByText('Mateo Alvarez is typing…');
      // The sign is given every few seconds only.
      const sees = async () => {
        await composer(theirs).press('a');
        return typing.isVisible();
      };
      await until(sees, PATIENCE, () => 'he is seen typing', 300);
      await keeps(page, `conversation-${size}`);
      await page.goto(`${hub.url}/people`);
      await page.locator('.pane').getByRole('link').filter({ hasText: 'Samuel Osei' }).waitFor();
      await keeps(page, `people-${size}`);
      await page.goto(`${hub.url}/profile`);
      await page.getByRole('heading', { name: 'Settings' }).waitFor();
      await keeps(page, `profile-${size}`);
      await page.close();
    }
    t.diagnostic(`written to ${OUT}`);
  },
  { skip, timeout: 120_000 },
);
