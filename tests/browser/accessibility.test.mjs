// Every screen, looked at by axe, and walked through with nothing but the keyboard.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { Account } from './support/account.mjs';
import { isAccessible } from './support/axe.mjs';
import { banner, composer, connectsNow, log, opensConversation, row, sidebar } from './support/pages.mjs';
import { dataUrl, landscape } from './support/picture.mjs';
import { oneNode } from './support/stand.mjs';
import { Proxy } from '../client/support/proxy.mjs';

const hub = oneNode();
const NAMES = ['Alice Moreau', 'Bob Okafor', 'Carol Lindqvist'];
const people = () => Promise.all(NAMES.map((name) => Account.signsUp(hub.url, name)));
const NARROW = { viewport: { width: 390, height: 844 } };

story('axe finds nothing on the pages before one is logged in', async ({ opens }) => {
  const page = await opens(hub.url);
  await page.getByRole('heading', { name: 'Welcome back' }).waitFor();
  await isAccessible(page, 'log in');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').first().waitFor();
  await isAccessible(page, 'log in, with what is missing');
  await page.getByRole('link', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Create your account' }).waitFor();
  await isAccessible(page, 'sign up');
});

for (const [name, device] of [
  ['wide', {}],
  ['narrow', NARROW],
]) {
  story(`axe finds nothing on any screen of somebody who is logged in, ${name}`, async ({ opens, t }) => {
    const [alice, bob, carol] = await people();
    const proxy = await Proxy.to(hub.nodes[0]);
    t.after(() => proxy.close());
    const page = await opens(proxy.url, { account: alice, ...device });
    await page.getByText('No conversations yet').waitFor();
    await isAccessible(page, 'no conversations');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('menuitem', { name: 'Log out' }).waitFor();
    await isAccessible(page, 'menu');
    await page.keyboard.press('Escape');

    await bob.sends(alice, 'See https://example.org/ for the way', dataUrl(await landscape(page)));
    await carol.sends(alice, 'Hello');
    await alice.sends(carol, 'Hello Carol');
    await row(page, 'Bob Okafor').getByText('1 unread message').waitFor();
    await isAccessible(page, 'conversations');

    await opensConversation(page, 'Bob Okafor');
    const photo = log(page).getByRole('button', { name: 'Open photo from Bob Okafor' });
    await photo.locator('img').evaluate((image) => image.decode());
    await composer(page).fill('A draft');
    await isAccessible(page, 'conversation');
    await photo.click();
    await page.getByRole('dialog', { name: 'Photo from Bob Okafor' }).waitFor();
    await isAccessible(page, 'image dialog');
    await page.keyboard.press('Escape');

    proxy.cuts();
    await banner(page).getByText('You are offline.').waitFor();
    await composer(page).press('Enter');
    await log(page).getByText('Waiting to be sent').waitFor();
    await isAccessible(page, 'conversation, offline');
    proxy.heals();
    await connectsNow(page);

    await page.goto(`${proxy.url}/people`);
    await page.locator('.pane').getByRole('link').filter({ hasText: 'Carol Lindqvist' }).first().waitFor();
    await isAccessible(page, 'people');
    await page.goto(`${proxy.url}/profile`);
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    await isAccessible(page, 'profile and settings');
    await page.locator('input[type=file]').setInputFiles(await landscape(page));
    await page.getByRole('dialog', { name: 'Crop your picture' }).waitFor();
    await isAccessible(page, 'crop dialog');
  });
}

story('a conversation is found, read and answered with the keyboard alone', async ({ opens }) => {
  const [alice, bob, carol] = await people();
  await bob.sends(alice, 'First');
  await carol.sends(alice, 'Second');
  const page = await opens(hub.url, { account: alice });
  await row(page, 'Bob Okafor').waitFor();

  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
  await sidebar(page).getByRole('textbox').focus();
  for (let i = 0; i < 5 && !(await focused()).includes('Carol'); i += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowDown');
  await row(page, 'Bob Okafor').and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  // Whoever goes to a conversation can write at once.
  await composer(page).and(page.locator(':focus')).waitFor();
  await page.keyboard.type('Read and answered');
  await page.keyboard.press('Enter');
  await row(page, 'Bob Okafor').getByText('You: Read and answered').waitFor();
  assert.deepEqual(await bob.textsWith(alice), ['First', 'Read and answered']);

  await page.goto(hub.url);
  await row(page, 'Bob Okafor').waitFor();
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'Skip to content' }).and(page.locator(':focus')).waitFor();
});
