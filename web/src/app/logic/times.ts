/** Words that times need. */
export interface TimeWords {
  today: string;
  yesterday: string;
  lastSeenNow: string;
  lastSeenMinutes: (minutes: number) => string;
  lastSeenAt: (when: string) => string;
  at: (day: string, clock: string) => string;
}

const minute = 60_000;
const maxDayKeys = 50_000;
const day = 24 * 60 * minute;

/** Makes the functions that put times into words, for a language and a time zone (by default the browser's). */
export function createTimes(words: TimeWords, locale?: string, timeZone?: string) {
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, timeZone === undefined ? options : { ...options, timeZone });
  const clockFormat = format({ hour: 'numeric', minute: '2-digit' });
  const weekday = format({ weekday: 'long' });
  const shortWeekday = format({ weekday: 'short' });
  const date = format({ day: 'numeric', month: 'long' });
  const dateWithYear = format({ day: 'numeric', month: 'long', year: 'numeric' });
  const shortDate = format({ day: 'numeric', month: 'short' });
  const numericDate = format({ day: '2-digit', month: '2-digit', year: '2-digit' });
  const fullFormat = format({ dateStyle: 'full', timeStyle: 'short' });
  // A form that compares and parses alike in every language.
  const key = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', ...(timeZone && { timeZone }) });

  // A long history asks for all its days again with each message.
  const dayKeys = new Map<string, string>();
  const dayKey = (iso: string) => {
    let known = dayKeys.get(iso);
    if (known === undefined) {
      if (dayKeys.size >= maxDayKeys) dayKeys.clear();
      dayKeys.set(iso, (known = key.format(new Date(iso))));
    }
    return known;
  };
  const daysAgo = (iso: string, now: number) => Math.round((Date.parse(key.format(now)) - Date.parse(dayKey(iso))) / day);
  const sameYear = (iso: string, now: number) => dayKey(iso).slice(0, 4) === key.format(now).slice(0, 4);
  const clock = (iso: string) => clockFormat.format(new Date(iso));

  /** The day as a heading: Today, Yesterday, Monday, 3 November. */
  const dayName = (iso: string, now: number): string => {
    const ago = daysAgo(iso, now);
    if (ago === 0) return words.today;
    if (ago === 1) return words.yesterday;
    if (ago > 1 && ago < 7) return weekday.format(new Date(iso));
    return (sameYear(iso, now) ? date : dateWithYear).format(new Date(iso));
  };

  return {
    clock,
    dayKey,
    dayName,
    /** Date and time in full. */
    full: (iso: string) => fullFormat.format(new Date(iso)),
    /** The shortest form that tells when: for lists. */
    brief: (iso: string, now: number): string => {
      const ago = daysAgo(iso, now);
      if (ago === 0) return clock(iso);
      if (ago === 1) return words.yesterday;
      if (ago > 1 && ago < 7) return shortWeekday.format(new Date(iso));
      return (sameYear(iso, now) ? shortDate : numericDate).format(new Date(iso));
    },
    /** When somebody was last online. */
    lastSeen: (iso: string, now: number): string => {
      const passed = now - Date.parse(iso);
      if (passed < minute) return words.lastSeenNow;
      if (passed < 60 * minute) return words.lastSeenMinutes(Math.floor(passed / minute));
      const name = dayName(iso, now);
      return words.lastSeenAt(daysAgo(iso, now) < 7 ? words.at(name.toLocaleLowerCase(locale), clock(iso)) : name);
    },
  };
}

/** What `createTimes` makes. */
export type Times = ReturnType<typeof createTimes>;
