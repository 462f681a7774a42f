// Chromium, and the stories that are told in it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const OUT = fileURLToPath(new URL('../../../target/browser/', import.meta.url));
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** As root, Chromium has no sandbox. */
if (process.getuid?.() === 0) ARGS.push('--no-sandbox');

/** How long anything on a page may take, in milliseconds. */
export const PATIENCE = 10_000;
const STORY = { timeout: 60_000 };
const WIDE = { width: 1200, height: 800 };

let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
});
after(() => browser?.close());

/**
 * A test with pages. `body` gets `{t, opens}`, where `opens(address, options)` opens a page in a context of its own, or in that of the page
 * `options.beside`; `options.account` is logged in there, and `options.prepare(page)` comes first. When it fails, what each page showed is kept in target/browser. No story may end with
 * an error of a script or a breach of the page's policy.
 */
export function story(name, body, options = {}) {
  test(name, { ...STORY, ...options }, async (t) => {
    const pages = [];
    const contexts = new Set();
    const opens = async (address, { beside, account, prepare, ...device } = {}) => {
      const context = beside?.context() ?? (await browser.newContext({ viewport: WIDE, locale: 'en-GB', timezoneId: 'UTC', ...device }));
      contexts.add(context);
      context.setDefaultTimeout(PATIENCE);
      if (account)
        await context.addCookies([{ name: 'jwt', value: account.token, url: new URL(address).origin, httpOnly: true, sameSite: 'Lax' }]);
      const page = await context.newPage();
      pages.push(listened(page));
      await prepare?.(page);
      await page.goto(address);
      return page;
    };
    try {
      await body({ t, opens });
      for (const { faults } of pages) assert.deepEqual(faults, []);
    } catch (error) {
      const files = await keeps(name, pages);
      console.error(`${name}: ${error.message}\nwhat the pages showed:\n${files.map((file) => `  ${file}`).join('\n')}`);
      throw error;
    } finally {
      await Promise.all([...contexts].map((context) => context.close()));
    }
  });
}

function listened(page) {
  const faults = [];
  const console = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => {
    faults.push(`a ${dialog.type()} said ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  page.on('console', (message) => {
    console.push(`${message.type()}: ${message.text()}`);
    if (console.length > 200) console.shift();
    if (/Content Security Policy/.test(message.text())) faults.push(message.text());
  });
  return { page, faults, console };
}

/** Writes down what the pages show, and answers the names of the files. */
async function keeps(name, pages) {
  await mkdir(OUT, { recursive: true });
  const files = [];
  for (const [index, { page, faults, console }] of pages.entries()) {
    const file = join(OUT, `${name.replace(/\W+/g, '-').toLowerCase().slice(0, 60)}-${index + 1}`);
    const body = await page.locator('body').ariaSnapshot({ timeout: 2_000 }).catch(String);
    await writeFile(`${file}.txt`, [page.url(), ...faults, ...console, body, ''].join('\n'));
    files.push(`${file}.txt`);
    const shot = await page.screenshot({ path: `${file}.png`, timeout: 3_000 }).then(
      () => [`${file}.png`],
      () => [],
    );
    files.push(...shot);
  }
  return files;
}
