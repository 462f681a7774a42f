// Two people, each on a node of their own behind a load balancer.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { Account, PASSWORD } from './support/account.mjs';
import {
  composer,
  isLive,
  listensToBanner,
  log,
  opensConversation,
  row,
  shows,
  sidebar,
  signsUp,
  texts,
  writes,
} from './support/pages.mjs';
import { landscape } from './support/picture.mjs';
import { twoNodesBehindHAProxy } from './support/stand.mjs';
import { fetchText } from '../client/faults/balancer.mjs';
import { until } from '../client/faults/program.mjs';

const hub = twoNodesBehindHAProxy();

const nodeOf = async (page) => (await page.context().cookies()).find(({ name }) => name === 'HUBNODE')?.value;
const socketsOf = async ({ opsUrl }) => Number(/^hubbub_sockets (\d+)$/m.exec((await fetchText(`${opsUrl}/metrics`)).body)?.[1] ?? 0);

story('from sign-up to a conversation with a picture', async ({ opens }) => {
  const alice = await opens(hub.url);
  await alice.getByRole('heading', { name: 'Welcome back' }).waitFor();
  await signsUp(alice, { name: 'Alice Moreau', email: 'alice@example.org', password: PASSWORD });
  await alice.getByText('No conversations yet').waitFor();
  await isLive(alice);
  const bob = await opens(hub.url);
  await signsUp(bob, { name: 'Bob Okafor', email: 'bob@example.org', password: PASSWORD });
  assert.notEqual(await nodeOf(alice), await nodeOf(bob));

  // Alice finds Bob in the directory, and writes.
  await sidebar(alice).getByRole('link', { name: 'Find people' }).click();
  await alice.getByRole('textbox', { name: 'Search by name' }).fill('okaf');
  await alice.locator('.pane').getByRole('link').filter({ hasText: 'Bob Okafor' }).click();
  await writes(alice, 'Hello Bob, are you there?');
  await shows(alice, ['Hello Bob, are you there?']);

  // Bob sees that something is unread, from whom, and that she is online.
  await row(bob, 'Alice Moreau').getByText('1 unread message').waitFor();
  await row(bob, 'Alice Moreau').getByText('Hello Bob, are you there?').waitFor();
  await row(bob, 'Alice Moreau').locator('.avatar-dot').waitFor();
  assert.equal(await bob.title(), '(1) hubbub');
  await opensConversation(bob, 'Alice Moreau');
  await row(bob, 'Alice Moreau').getByText('unread message').waitFor({ state: 'detached' });
  assert.equal(await bob.title(), 'hubbub');

  // She sees that he is online, that he types, and what.
  await alice.locator('.pane-head').getByText('online').waitFor();
  await composer(bob).pressSequentially('I am, and ');
  await alice.locator('.pane-head').getByText('Bob Okafor is typing…').waitFor();
  await row(alice, 'Bob Okafor').getByText('typing…').waitFor();
  await composer(bob).pressSequentially('I have a picture.');
  await composer(bob).press('Enter');
  await shows(alice, ['Hello Bob, are you there?', 'I am, and I have a picture.']);
  await alice.getByText('Bob Okafor is typing…').waitFor({ state: 'detached' });

  const chooser = bob.waitForEvent('filechooser');
  await bob.getByRole('button', { name: 'Add photos' }).click();
  await (await chooser).setFiles(await landscape(bob));
  await bob.getByRole('list', { name: 'Photos to send' }).getByRole('img', { name: 'hills.png' }).waitFor();
  await bob.getByRole('button', { name: 'Send' }).click();

  const photo = log(alice).getByRole('button', { name: 'Open photo from Bob Okafor' });
  await photo.click();
  const dialog = alice.getByRole('dialog', { name: 'Photo from Bob Okafor' });
  const image = dialog.getByRole('img');
  await image.waitFor();
  await image.evaluate((its) => its.decode());
  assert.deepEqual(await image.evaluate((its) => [its.naturalWidth, its.naturalHeight]), [480, 320]);
  await alice.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await log(bob).getByRole('button', { name: 'Open photo from You' }).waitFor();

  // Bob goes, and Alice sees that.
  await bob.context().close();
  await alice.locator('.pane-head').getByText('last seen just now').waitFor();
});

story('a killed node behind HAProxy: the page is back within seconds, with what came meanwhile', async ({ opens, t }) => {
  const [carol, dave] = await Promise.all(['Carol Lindqvist', 'Dave Tanaka'].map((name) => Account.signsUp(hub.url, name)));
  const hers = await opens(`${hub.url}/c/${dave.id}`, { account: carol });
  await log(hers).waitFor();
  await isLive(hers);
  await writes(hers, 'Before');
  await shows(hers, ['Before']);
  const heard = await listensToBanner(hers);
  const at = await Promise.all(hub.nodes.map(socketsOf));
  assert.deepEqual([...at].sort(), [0, 1]);

  const start = performance.now();
  await hub.nodes[at.indexOf(1)].kill();
  await writes(hers, 'After');
  await dave.sends(carol, 'An answer');
  await until(
    async () => (await texts(hers)).length === 3,
    10_000,
    () => 'she sees all of it',
  );
  t.diagnostic(`back after ${Math.round(performance.now() - start)} ms; the page said ${JSON.stringify(await heard())}`);
  await isLive(hers);
  assert.equal((await carol.textsWith(dave)).length, 3);
});
