// The hub says no to a message.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { Account } from './support/account.mjs';
import { composer, log, shows, writes } from './support/pages.mjs';
import { landscape } from './support/picture.mjs';
import { sql } from './support/seed.mjs';
import { oneNodeWithPostgres } from './support/stand.mjs';

const hub = oneNodeWithPostgres({ HUBBUB__MEDIA__MAX_PIXELS: '100000' });
const people = () => Promise.all(['Alice Moreau', 'Bob Okafor'].map((name) => Account.signsUp(hub.url, name)));

async function conversation(opens, me, other) {
  const page = await opens(`${hub.url}/c/${other.id}`, { account: me });
  await log(page).waitFor();
  return page;
}

story('a message that is refused says why, and goes out when it is tried again', async ({ opens }) => {
  const [alice, bob] = await people();
  const page = await conversation(opens, alice, bob);
  await writes(page, 'Welcome');
  await shows(page, ['Welcome']);
  const closes = (at) => sql(hub.database, `UPDATE users SET deleted_at = ${at} WHERE id = '${bob.id}'`);

  await closes('now()');
  await writes(page, 'Are you still there?');
  const failed = log(page).getByRole('alert');
  await failed.getByText(/^Not sent: .*\w{3}/).waitFor();
  await writes(page, 'I try once more');
  await failed.nth(1).waitFor();

  await closes('NULL');
  await failed.first().getByRole('button', { name: 'Retry' }).click();
  await failed.nth(1).waitFor({ state: 'detached' });
  await failed.getByRole('button', { name: 'Discard' }).click();
  await failed.waitFor({ state: 'detached' });
  await shows(page, ['Welcome', 'Are you still there?']);
  await bob.has(alice, ['Welcome', 'Are you still there?']);

  await page.reload();
  await shows(page, ['Welcome', 'Are you still there?']);
});

story('a picture that the hub refuses is not sent, which the page says, and later messages pass it by', async ({ opens }) => {
  const [alice, bob] = await people();
  const page = await conversation(opens, alice, bob);

  await page.locator('input[type=file]').setInputFiles(await landscape(page, { width: 640, height: 480 }));
  await page.getByRole('list', { name: 'Photos to send' }).getByRole('img', { name: 'hills.png' }).waitFor();
  await page.getByRole('button', { name: 'Send' }).click();
  const failed = log(page).getByRole('alert');
  await failed.getByText(/^Not sent: .*\w{3}/).waitFor();
  await writes(page, 'A picture was to come');
  await shows(page, ['A picture was to come']);

  await failed.getByRole('button', { name: 'Discard' }).click();
  await failed.waitFor({ state: 'detached' });
  await bob.has(alice, ['A picture was to come']);
});

story('a text that is too long is not sent but kept, and the page says by how much', async ({ opens }) => {
  const [alice, bob] = await people();
  const page = await conversation(opens, alice, bob);

  await composer(page).fill('🙂'.repeat(2_003));
  await page.getByText(/^3 .*too many/).waitFor();
  await page.getByRole('alert').getByText('A message has at most 2,000 characters.').waitFor();
  await composer(page).press('Enter');
  assert.ok(await page.getByRole('button', { name: 'Send' }).isDisabled());

  await composer(page).fill('🙂'.repeat(2_000));
  await composer(page).press('Enter');
  await shows(page, ['🙂'.repeat(2_000)]);
  await bob.has(alice, ['🙂'.repeat(2_000)]);
});
