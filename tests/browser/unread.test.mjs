// What is counted as unread.
import { story } from './support/browser.mjs';
import { Account } from './support/account.mjs';
import { row } from './support/pages.mjs';
import { oneNode } from './support/stand.mjs';

const hub = oneNode();

story('what comes before a new page is connected is counted once, whatever comes while it asks what that was', async ({ opens }) => {
  const [alice, bob] = await Promise.all(['Alice Moreau', 'Bob Okafor'].map((name) => Account.signsUp(hub.url, name)));
  await bob.sends(alice, 'First');

  // The page is connected after its first list is out of date; what it is told next is in its second one, or newer.
  let connects;
  const mayConnect = new Promise((resolve) => (connects = resolve));
  let lists = 0;
  const page = await opens(hub.url, {
    account: alice,
    prepare: async (page) => {
      await page.routeWebSocket(/\/socket\.io\//, async (socket) => {
        await mayConnect;
        socket.connectToServer();
      });
      await page.route('**/api/messages/chats?*', async (route) => {
        const list = await route.fetch();
        lists += 1;
        if (lists === 1) {
          for (const text of ['Second', 'Third']) await bob.sends(alice, text);
          connects();
        } else if (lists === 2) {
          await bob.sends(alice, 'Fourth');
          await row(page, bob.name).getByText('Fourth').waitFor();
        }
        await route.fulfill({ response: list });
      });
    },
  });

  await row(page, bob.name).getByText('4 unread messages').waitFor();
});
