// What goes over the wire is typed by the hub's OpenAPI document; the rest is what this package tells its frontend.
import type { components } from './api';

type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type PublicUser = Schemas['PublicUser'];
export type Chat = Schemas['Chat'];
export type Message = Schemas['Message'];
export type ReadMark = Schemas['ReadMark'];
export type UserPresence = Schemas['UserPresence'];
export type Welcome = Schemas['Welcome'];
export type SignUpBody = Schemas['SignUpBody'];
export type LogInBody = Schemas['LogInBody'];
export type ProfileBody = Schemas['ProfileBody'];
export type SendBody = Schemas['SendBody'];
export type SyncPage = Schemas['SyncPage'];

/** A page of a list, and the cursor of the next one if there is one. */
export interface Page<T> {
  items: T[];
  next?: string;
}

/** What the connection is doing. `ended`: the session is over (logged out elsewhere, revoked): log in again. */
export type Connection = 'connecting' | 'live' | 'catching-up' | 'offline' | 'ended';

/** What somebody wants to send: a text, an image as a data URL, or both. */
export interface Draft {
  receiverId: string;
  text?: string;
  image?: string;
}

/** A message on its way, kept until the hub has it. */
export interface Outgoing extends Draft {
  clientId: string;
  createdAt: string;
  /** `waiting`: for its turn, or for the next try. `failed`: the hub won't have it; retry or discard it. */
  state: 'waiting' | 'sending' | 'failed';
  /** Why it failed, or why it waits, in words for people. */
  error?: string;
}

/** What a hub tells its frontend. */
export interface HubEvents {
  connection: (state: Connection) => void;
  /**
   * Each message once, whoever sent it and from whatever tab, in the order of the log. A message of ours has its clientId, and its
   * Outgoing is gone from the outbox before this. One that goes out while the connection is away comes at once, before what was
   * missed.
   */
  message: (message: Message) => void;
  read: (mark: ReadMark) => void;
  /**
   * What was missed can't be told: load lists and histories anew. The reason `first`: this browser was never here before; what was
   * loaded before this may lack what came meanwhile.
   */
  reset: (reason: string) => void;
  /** Changes of who is online, for those whom we see or watch. */
  presence: (people: UserPresence[]) => void;
  typing: (userId: string) => void;
  outbox: (outgoing: readonly Outgoing[]) => void;
}
