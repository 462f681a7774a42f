import { create } from 'zustand';
import { isRecordOf, isString, readStored, writeStored } from './stored';

const maxDrafts = 100;
const keyFor = (me: string) => `hubbub.drafts.${me}`;

interface DraftsState {
  me: string | undefined;
  /** Texts that were begun, by the id of the other person. */
  drafts: Readonly<Record<string, string>>;
  /** Takes up the drafts of whoever logged in. */
  begin: (me: string) => void;
  write: (userId: string, text: string) => void;
  /** Forgets them: at a log-out nothing stays for the next person at this computer. */
  clear: () => void;
}

/** Texts that were begun but not sent. */
export const useDrafts = create<DraftsState>()((set, get) => ({
  me: undefined,
  drafts: {},
  begin: (me) => set({ me, drafts: readStored(keyFor(me), isRecordOf(isString)) ?? {} }),
  write: (userId, text) => {
    const { me, drafts } = get();
    if ((drafts[userId] ?? '') === text) return;
    const others = Object.entries(drafts).filter(([id]) => id !== userId);
    const next = text === '' ? others : [...others, [userId, text] as const].slice(-maxDrafts);
    set({ drafts: Object.fromEntries(next) });
    changed.add(userId);
    if (me !== undefined) saveSoon();
  },
  clear: () => {
    const { me } = get();
    clearTimeout(saving);
    changed.clear();
    if (me !== undefined) writeStored(keyFor(me), undefined);
    set({ me: undefined, drafts: {} });
  },
}));

/** Not at each key: storage is slow. A page that is closed in between saves at once. */
const changed = new Set<string>();
let saving: ReturnType<typeof setTimeout> | undefined;

function saveSoon(): void {
  clearTimeout(saving);
  saving = setTimeout(saveDrafts, 300);
}

/** Keeps the drafts over a reload of the page. */
export function saveDrafts(): void {
  const { me, drafts } = useDrafts.getState();
  if (me === undefined || changed.size === 0) return;
  // Another tab may have kept others meanwhile.
  const stored = readStored(keyFor(me), isRecordOf(isString)) ?? {};
  const mine = [...changed].flatMap((id) => (drafts[id] === undefined ? [] : [[id, drafts[id]] as const]));
  const others = Object.entries(stored).filter(([id]) => !changed.has(id));
  changed.clear();
  writeStored(keyFor(me), Object.fromEntries([...others, ...mine].slice(-maxDrafts)));
}
