// The network goes away and comes back.
import assert from 'node:assert/strict';
import { story } from './support/browser.mjs';
import { Account } from './support/account.mjs';
import { banner, connectsNow, isLive, log, shows, texts, writes } from './support/pages.mjs';
import { oneNode } from './support/stand.mjs';
import { Proxy } from '../client/support/proxy.mjs';

const hub = oneNode();
const OFFLINE = /^You are offline/;
const MEANWHILE = ['On the train now', 'No network in the tunnel', 'You will see this later'];
const people = () => Promise.all(['Alice Moreau', 'Bob Okafor'].map((name) => Account.signsUp(hub.url, name)));

story('what is written without a network waits visibly, and goes out once and in order when it is back', async ({ opens, t }) => {
  const [alice, bob] = await people();
  const proxy = await Proxy.to(hub.nodes[0]);
  t.after(() => proxy.close());
  const hers = await opens(`${proxy.url}/c/${bob.id}`, { account: alice });
  const his = await opens(`${hub.url}/c/${alice.id}`, { account: bob });
  await log(hers).waitFor();
  await isLive(hers);
  await writes(hers, 'Leaving in five minutes');
  await shows(his, ['Leaving in five minutes']);

  proxy.cuts();
  await banner(hers).getByText(OFFLINE).waitFor();
  for (const text of MEANWHILE) await writes(hers, text);
  await bob.sends(alice, 'Have a good trip');

  await shows(hers, ['Leaving in five minutes', ...MEANWHILE]);
  await log(hers).getByText('Waiting to be sent').first().waitFor();
  assert.deepEqual(await texts(his), ['Leaving in five minutes', 'Have a good trip']);

  proxy.heals();
  await connectsNow(hers);
  const all = ['Leaving in five minutes', 'Have a good trip', ...MEANWHILE];
  await shows(his, all);
  await shows(hers, all);
  await log(hers).getByText('Waiting to be sent').first().waitFor({ state: 'detached' });
  await bob.has(alice, all);
});

story('a page that is closed while offline sends what it kept when it is opened again', async ({ opens }) => {
  const [alice, bob] = await people();
  const hers = await opens(`${hub.url}/c/${bob.id}`, { account: alice });
  await log(hers).waitFor();
  await isLive(hers);

  await hers.context().setOffline(true);
  await banner(hers).getByText(OFFLINE).waitFor();
  for (const text of MEANWHILE) await writes(hers, text);
  await log(hers).getByText('Waiting to be sent').first().waitFor();
  await hers.close();
  await hers.context().setOffline(false);

  const again = await opens(`${hub.url}/c/${bob.id}`, { beside: hers });
  await shows(again, MEANWHILE);
  await log(again).getByText('Waiting to be sent').first().waitFor({ state: 'detached' });
  await bob.has(alice, MEANWHILE);
});
