import { create } from 'zustand';
import type { LogInBody, Me, ProfileBody, SignUpBody } from '../../hub';
import { api, isLoggedOut } from './api';

/** Me, as far as log-in and sign-up tell. */
export type Self = Omit<Me, 'createdAt' | 'updatedAt'> & Partial<Pick<Me, 'createdAt'>>;

interface Session {
  status: 'checking' | 'unreachable' | 'out' | 'in';
  me: Self | undefined;
  /** Why nobody is logged in, if that needs saying. */
  why: 'ended' | 'left' | undefined;
  /** Finds out who is logged in. */
  check: () => Promise<void>;
  logIn: (body: LogInBody) => Promise<void>;
  signUp: (body: SignUpBody) => Promise<void>;
  logOut: () => Promise<void>;
  updateProfile: (body: ProfileBody) => Promise<void>;
  /** The session was ended elsewhere. */
  ended: () => void;
}

/** Who is logged in. */
export const useSession = create<Session>()((set, get) => ({
  status: 'checking',
  me: undefined,
  why: undefined,
  check: async () => {
    try {
      const me = await api.me();
      if (get().status !== 'in') set({ status: 'in', me, why: undefined });
    } catch (error) {
      if (get().status !== 'in') set({ status: isLoggedOut(error) ? 'out' : 'unreachable' });
    }
  },
  logIn: async (body) => set({ status: 'in', me: await api.logIn(body), why: undefined }),
  signUp: async (body) => set({ status: 'in', me: await api.signUp(body), why: undefined }),
  logOut: async () => {
    await api.logOut();
    set({ status: 'out', me: undefined, why: 'left' });
  },
  updateProfile: async (body) => set({ me: await api.updateProfile(body) }),
  ended: () => {
    if (get().status === 'in') set({ status: 'out', me: undefined, why: 'ended' });
  },
}));
