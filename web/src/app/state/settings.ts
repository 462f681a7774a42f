import { create } from 'zustand';
import { readStored, writeStored } from './stored';

const key = 'hubbub.settings';

interface Kept {
  sound: boolean;
  notifications: boolean;
}

interface Settings extends Kept {
  set: (change: Partial<Kept>) => void;
}

const isKept = (value: unknown): value is Kept =>
  typeof value === 'object' &&
  value !== null &&
  'sound' in value &&
  typeof value.sound === 'boolean' &&
  'notifications' in value &&
  typeof value.notifications === 'boolean';

/** What one has chosen on this device. */
export const useSettings = create<Settings>()((set, get) => ({
  ...(readStored(key, isKept) ?? { sound: false, notifications: false }),
  set: (change) => {
    set(change);
    const { sound, notifications } = get();
    writeStored(key, { sound, notifications });
  },
}));

/** Whether the browser lets us notify. */
export function notificationPermission(): NotificationPermission | 'missing' {
  return typeof Notification === 'undefined' ? 'missing' : Notification.permission;
}
