import { create } from 'zustand';
import type { PublicUser } from '../../hub';
import { api, wordsFor } from './api';

/** How many people are remembered; whoever was met longest ago is forgotten first. */
const maxPeople = 5000;
const pageSize = 1000;
/** How many pages of the directory are searched for somebody who was never met. */
const maxPages = 20;

interface PeopleState {
  people: ReadonlyMap<string, PublicUser>;
  /** People who were looked for and aren't there, or why they couldn't be looked for. */
  missing: ReadonlyMap<string, 'unknown' | { error: string }>;
  met: (people: readonly PublicUser[]) => void;
  /** Finds somebody by id. */
  find: (userId: string) => Promise<void>;
  clear: () => void;
}

const finding = new Set<string>();

/** Everybody whose name and picture were told. */
export const usePeople = create<PeopleState>()((set, get) => ({
  people: new Map(),
  missing: new Map(),
  met: (met) => {
    if (met.length === 0) return;
    const people = new Map(get().people);
    for (const { _id, fullName, profilePic, createdAt, updatedAt } of met) {
      people.delete(_id);
      people.set(_id, { _id, fullName, profilePic, createdAt, updatedAt });
    }
    for (const id of people.keys()) {
      if (people.size <= maxPeople) break;
      people.delete(id);
    }
    set({ people });
  },
  find: async (userId) => {
    if (get().people.has(userId) || finding.has(userId)) return;
    const outcome = (result: 'unknown' | { error: string }) => set({ missing: new Map([[userId, result]]) });
    finding.add(userId);
    set({ missing: new Map() });
    try {
      let cursor: string | undefined;
      for (let page = 0; page < maxPages; page++) {
        const { items, next } = await api.contacts({ limit: pageSize, ...(cursor !== undefined && { cursor }) });
        get().met(items.filter((person) => person._id === userId));
        cursor = next;
        if (cursor === undefined || get().people.has(userId)) break;
      }
      if (!get().people.has(userId)) outcome('unknown');
    } catch (error) {
      outcome({ error: wordsFor(error) });
    } finally {
      finding.delete(userId);
    }
  },
  clear: () => set({ people: new Map(), missing: new Map() }),
}));
