import { create } from 'zustand';
import type { UserPresence } from '../../hub';

/** A sign of typing counts for this long, unless another one follows. */
const typingFor = 6000;
/** Who left the screen is watched for a while longer: scrolling back and forth costs nothing then. */
const unwatchAfter = 5000;

/** How many people's presence is remembered; what was told longest ago is forgotten first, unless it is on the screen. */
const maxKnown = 5000;

interface PresenceState {
  presence: ReadonlyMap<string, UserPresence>;
  /** We are cut off: what was known may be true no longer. */
  cutOff: boolean;
  typing: ReadonlySet<string>;
  changed: (people: readonly UserPresence[]) => void;
  typed: (userId: string) => void;
  stopped: (userId: string) => void;
  clear: () => void;
}

const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** Who is online, and who is typing to me. */
export const usePresence = create<PresenceState>()((set, get) => ({
  presence: new Map(),
  cutOff: false,
  typing: new Set(),
  changed: (people) => {
    const presence = new Map(get().presence);
    for (const person of people) {
      presence.delete(person.userId);
      presence.set(person.userId, person);
    }
    for (const id of presence.keys()) {
      if (presence.size <= maxKnown) break;
      if (!watched.has(id)) presence.delete(id);
    }
    set({ presence });
  },
  typed: (userId) => {
    clearTimeout(timers.get(userId));
    timers.set(
      userId,
      setTimeout(() => get().stopped(userId), typingFor),
    );
    if (!get().typing.has(userId)) set({ typing: new Set(get().typing).add(userId) });
  },
  stopped: (userId) => {
    clearTimeout(timers.get(userId));
    timers.delete(userId);
    if (!get().typing.has(userId)) return;
    const typing = new Set(get().typing);
    typing.delete(userId);
    set({ typing });
  },
  clear: () => {
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
    watched.clear();
    set({ presence: new Map(), cutOff: false, typing: new Set() });
  },
}));

/** What is known of whether somebody is online. */
export function usePresenceOf(userId: string): UserPresence | undefined {
  return usePresence((state) => (state.cutOff ? undefined : state.presence.get(userId)));
}

interface Watcher {
  watch: (ids: string[]) => void;
  unwatch: (ids: string[]) => void;
}

const watched = new Map<string, number>();
let watcher: Watcher | undefined;
let asked: string[] | undefined;

/** Says whom to ask about the people on the screen. */
export function watchWith(next: Watcher | undefined): void {
  watcher = next;
  const onScreen = [...watched.keys()];
  if (onScreen.length > 0) next?.watch(onScreen);
}

/** Somebody is on the screen, in one more place; answers how to say that they no longer are. */
export function watch(userId: string): () => void {
  const places = watched.get(userId) ?? 0;
  watched.set(userId, places + 1);
  if (places === 0) ask(userId);
  return () => setTimeout(() => release(userId), unwatchAfter);
}

function release(userId: string): void {
  const places = watched.get(userId);
  if (places === undefined) return;
  if (places > 1) {
    watched.set(userId, places - 1);
    return;
  }
  watched.delete(userId);
  watcher?.unwatch([userId]);
}

/** All who come on the screen at once are asked about at once. */
function ask(userId: string): void {
  if (asked !== undefined) {
    asked.push(userId);
    return;
  }
  asked = [userId];
  queueMicrotask(() => {
    const ids = asked ?? [];
    asked = undefined;
    watcher?.watch(ids);
  });
}
