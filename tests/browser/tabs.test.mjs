// One person with two tabs.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { Account } from './support/account.mjs';
import { composer, log, opensConversation, row, shows, sidebar, writes } from './support/pages.mjs';
import { oneNode } from './support/stand.mjs';

const hub = oneNode();

async function twoTabs(opens) {
  const [alice, bob] = await Promise.all(['Alice Moreau', 'Bob Okafor'].map((name) => Account.signsUp(hub.url, name)));
  await bob.sends(alice, 'First');
  const one = await opens(hub.url, { account: alice });
  const two = await opens(hub.url, { beside: one });
  for (const tab of [one, two]) await row(tab, 'Bob Okafor').getByText('1 unread message').waitFor();
  return { alice, bob, one, two };
}

story('what is sent in one tab shows once in each, and what is read in one is read in the other', async ({ opens }) => {
  const { alice, bob, one, two } = await twoTabs(opens);
  await bob.sends(alice, 'Second');
  await row(two, 'Bob Okafor').getByText('2 unread messages').waitFor();

  await opensConversation(one, 'Bob Okafor');
  await row(two, 'Bob Okafor').getByText('unread message').waitFor({ state: 'detached' });
  assert.equal(await two.title(), 'hubbub');

  await opensConversation(two, 'Bob Okafor');
  const said = ['First', 'Second'];
  for (const [tab, text] of [
    [one, 'From the first tab'],
    [two, 'From the second tab'],
    [one, 'Once more'],
    [one, 'And again'],
    [two, 'Last'],
  ]) {
    await writes(tab, text);
    said.push(text);
    await shows(one, said);
    await shows(two, said);
  }
  await bob.has(alice, said);
  for (const tab of [one, two]) assert.equal(await row(tab, 'Bob Okafor').getByText('You: Last').count(), 1);
});

story('a draft is kept when a tab is closed', async ({ opens }) => {
  const { one, two } = await twoTabs(opens);
  await opensConversation(one, 'Bob Okafor');
  await composer(one).fill('Not quite done');
  await one.close();
  await two.reload();
  await row(two, 'Bob Okafor').getByText('Draft: Not quite done').waitFor();
  await opensConversation(two, 'Bob Okafor');
  assert.equal(await composer(two).inputValue(), 'Not quite done');
});

story('who logs out in one tab is logged out in the other, which says why', async ({ opens }) => {
  const { alice, one, two } = await twoTabs(opens);
  await opensConversation(two, 'Bob Okafor');
  await log(two).waitFor();

  await sidebar(one).getByRole('button', { name: 'Menu' }).click();
  await one.getByRole('menuitem', { name: 'Log out' }).click();
  await one.getByText('You are logged out.').waitFor();
  await two.getByText('Your session has ended: you logged out in another tab or on another device.').waitFor();
  for (const tab of [one, two]) {
    assert.equal(new URL(tab.url()).pathname, '/login');
    assert.equal(await tab.getByText('First').count(), 0);
  }

  await two.getByLabel('Email address').fill(alice.email);
  await two.getByLabel('Password', { exact: true }).fill('a wrong guess');
  await two.getByRole('button', { name: 'Log in' }).click();
  await two.getByRole('alert').getByText(/\w{3}/).waitFor();
  await two.getByLabel('Password', { exact: true }).fill('correct horse');
  await two.getByRole('button', { name: 'Log in' }).click();
  // Back where they were.
  await two.getByRole('heading', { name: 'Bob Okafor', level: 1 }).waitFor();
  await shows(two, ['First']);
});
