import { Api, Hub, type Message } from '..';

export async function chat(email: string, password: string, show: (message: Message) => void) {
  const api = new Api(); // of the page's own origin; elsewhere: new Api({ url: 'https://hub.example.org' })
  const me = await api.logIn({ email, password });
  const hub = new Hub({ user: me._id, api });

  const load = async () => {
    for (const chat of (await api.chats({ limit: 50 })).items) show(chat.lastMessage);
  };
  hub.on('reset', load); // also at the first visit of a browser
  hub.on('message', show); // by _id: a message may have been loaded, too
  hub.on('connection', (state) => {
    if (state === 'ended') location.assign('/login');
  });
  hub.start();
  await load();

  return (receiverId: string, text: string) => hub.send({ receiverId, text }); // sent sooner or later; see hub.outbox
}
