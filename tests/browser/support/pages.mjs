// What people do on the pages, and what they see there.
import assert from 'node:assert/strict';
import { PATIENCE } from './browser.mjs';
import { until } from '../../client/faults/program.mjs';

export async function signsUp(page, { name, email, password }) {
  await page.getByRole('link', { name: 'Create account' }).click();
  await page.getByLabel('Full name').fill(name);
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Conversations' }).waitFor();
}

/** The list of conversations beside everything else. */
export const sidebar = (page) => page.getByRole('navigation', { name: 'Conversations' });

/** The row of a conversation with that person. */
export const row = (page, name) => sidebar(page).getByRole('link').filter({ hasText: name });

export const composer = (page) => page.getByRole('textbox', { name: /^Message to/ });

export const log = (page) => page.getByRole('log', { name: /^Messages with/ });

const CUT_OFF = /You are offline|Connecting…|Catching up…/;

/** What says that the connection isn't there; nothing while it is. */
export const banner = (page) => page.getByRole('status').filter({ hasText: CUT_OFF });

export async function opensConversation(page, name) {
  await row(page, name).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

export async function writes(page, text) {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

/** The texts in the conversation that are on the page, the oldest first. */
export const texts = (page) => log(page).locator('.bubble-text').allInnerTexts();

/** Waits until the conversation shows exactly these texts. They must fit on the screen: what is far off it does not exist. */
export async function shows(page, wanted) {
  let seen;
  const same = async () => {
    seen = await texts(page);
    return seen.length === wanted.length && seen.every((text, index) => text === wanted[index]);
  };
  try {
    await until(same, PATIENCE, () => 'the page shows them');
  } catch {
    assert.deepEqual(seen, wanted);
  }
}

/** Waits until the socket is there and nothing that was missed is on its way. */
export async function isLive(page) {
  await banner(page).waitFor({ state: 'hidden' });
}

/** Asks for a connection at once, unless there is one by now. */
export async function connectsNow(page) {
  await page.getByRole('button', { name: 'Connect now' }).evaluateAll(([button]) => button?.click());
  await isLive(page);
}

/** Writes down whatever the banner says from now on; answers how to read it. */
export async function listensToBanner(page) {
  await page.evaluate((words) => {
    const heard = (globalThis.heard = []);
    const note = () => {
      const said = [...document.querySelectorAll('[role=status]')]
        .map(({ textContent }) => new RegExp(words).exec(textContent)?.[0])
        .find(Boolean);
      if (said !== undefined && heard.at(-1) !== said) heard.push(said);
    };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, CUT_OFF.source);
  return () => page.evaluate(() => globalThis.heard);
}
