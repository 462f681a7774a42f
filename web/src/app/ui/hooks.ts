import { useEffect, useState, useSyncExternalStore } from 'react';
import { watch } from '../state/presence';
import { createTimes } from '../logic/times';
import { texts } from '../texts';

/** Times in the words of the application and the manner of the browser's language. */
export const times = createTimes(texts.times, typeof navigator === 'undefined' ? undefined : navigator.language);

/** The time, anew each half minute: for everything that says how long ago. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Whether a media query holds. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const list = matchMedia(query);
      list.addEventListener('change', changed);
      return () => list.removeEventListener('change', changed);
    },
    () => matchMedia(query).matches,
  );
}

/** Whether one can write at once: on a phone the focus of a field would open the keyboard over the page. */
export function useKeyboardFocus(): boolean {
  return useMedia('(hover: hover) and (pointer: fine)');
}

/** Whether somebody looks at this page: it is visible and has the focus. */
export function useAttention(): boolean {
  return useSyncExternalStore(
    (changed) => {
      addEventListener('focus', changed);
      addEventListener('blur', changed);
      document.addEventListener('visibilitychange', changed);
      return () => {
        removeEventListener('focus', changed);
        removeEventListener('blur', changed);
        document.removeEventListener('visibilitychange', changed);
      };
    },
    () => document.visibilityState === 'visible' && document.hasFocus(),
  );
}

/** The value after it has not changed for a while. */
export function useSettled<T>(value: T, after: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), after);
    return () => clearTimeout(timer);
  }, [value, after]);
  return settled;
}

/** Keeps up whether somebody is online for as long as they are on the screen. */
export function useWatch(userId: string): void {
  useEffect(() => watch(userId), [userId]);
}
