// The client package: all that a frontend takes from this folder.
export { Api, ApiError } from './rest';
export type { ApiOptions } from './rest';
export { Hub } from './hub';
export type { HubOptions } from './hub';
export type {
  Chat,
  Connection,
  Draft,
  HubEvents,
  LogInBody,
  Me,
  Message,
  Outgoing,
  Page,
  ProfileBody,
  PublicUser,
  ReadMark,
  SendBody,
  SignUpBody,
  SyncPage,
  UserPresence,
  Welcome,
} from './types';
