import { create } from 'zustand';
import { Hub, type Connection, type Outgoing } from '../../hub';
import { api } from './api';
import { useAttachments } from './attachments';
import { useChats } from './chats';
import { useConversations } from './conversations';
import { useDrafts } from './drafts';
import { useNavigation } from './navigation';
import { notify } from './notify';
import { usePeople } from './people';
import { usePresence, watchWith } from './presence';
import { useSession, type Self } from './session';

interface Live {
  hub: Hub | undefined;
  connection: Connection;
  outbox: readonly Outgoing[];
}

/** The connection, and what is on its way. */
export const useLive = create<Live>()(() => ({ hub: undefined, connection: 'connecting', outbox: [] }));

/** Keeps a connection while somebody is logged in, and feeds the stores from it. */
export function keepLive(): void {
  let user: string | undefined;
  const follow = (status: string, me: Self | undefined) => {
    const wanted = status === 'in' ? me?._id : undefined;
    if (wanted === user) return;
    if (user !== undefined) end();
    user = wanted;
    if (wanted !== undefined) begin(wanted);
  };
  useSession.subscribe(({ status, me }) => follow(status, me));
}

function begin(me: string): void {
  const hub = new Hub({ user: me, api });
  let wasLive = false;
  /** Whether the lists may lack something that nobody will tell any more. At first, what comes between them and the first connection. */
  let lacks = true;
  const renew = () => {
    lacks = false;
    void renewLists().then((done) => (lacks ||= !done));
  };
  hub.on('connection', (connection) => {
    useLive.setState({ connection });
    usePresence.setState({ cutOff: connection === 'offline' });
    if (connection === 'ended') useSession.getState().ended();
    if (connection !== 'live') return;
    if (lacks) renew();
    else retryFailed();
    wasLive = true;
  });
  hub.on('message', (message) => {
    // What I send by REST while cut off is told before what I miss, some of which may be older: the lists tell the order.
    if (message.senderId === me && hub.connection !== 'live') lacks = true;
    useConversations.getState().received(message, me);
    useChats.getState().received(message, me);
    if (message.senderId !== me) usePresence.getState().stopped(message.senderId);
    if (message.senderId !== me) notify(message);
  });
  hub.on('read', (mark) => useChats.getState().read(mark));
  hub.on('reset', (reason) => {
    // At the first connection of this browser all was loaded just now, and is renewed as soon as it is live.
    if (reason === 'first' && !wasLive) return;
    useConversations.getState().reset(currentUser());
    void useChats.getState().load();
  });
  hub.on('presence', (people) => usePresence.getState().changed(people));
  hub.on('typing', (userId) => usePresence.getState().typed(userId));
  hub.on('outbox', (outbox) => useLive.setState({ outbox }));
  useDrafts.getState().begin(me);
  watchWith({ watch: (ids) => hub.watch(ids), unwatch: (ids) => hub.unwatch(ids) });
  hub.start();
  useLive.setState({ hub, connection: hub.connection, outbox: hub.outbox });
  void useChats.getState().load();
}

/** What couldn't be loaded while the connection was away gets another try. */
function retryFailed(): void {
  const userId = currentUser();
  const { conversations, open } = useConversations.getState();
  if (useChats.getState().status === 'failed') void useChats.getState().load();
  if (userId !== undefined && conversations.get(userId)?.status === 'failed') void open(userId);
}

/** Answers whether that worked. */
async function renewLists(): Promise<boolean> {
  const { status, load, renew } = useChats.getState();
  const userId = currentUser();
  const done = await Promise.all([
    status === 'failed' ? load() : renew(),
    userId === undefined || useConversations.getState().open(userId),
  ]);
  return done.every(Boolean);
}

function end(): void {
  useLive.getState().hub?.stop();
  watchWith(undefined);
  useLive.setState({ hub: undefined, connection: 'connecting', outbox: [] });
  if (useSession.getState().why === 'left') useDrafts.getState().clear();
  for (const store of [useAttachments, useChats, useConversations, usePeople, usePresence]) store.getState().clear();
}

function currentUser(): string | undefined {
  const { route } = useNavigation.getState();
  return route?.page === 'conversation' ? route.userId : undefined;
}
