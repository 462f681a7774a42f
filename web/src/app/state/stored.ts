/** Reads what was kept in localStorage, if it is there and of the right kind. */
export function readStored<T>(key: string, isRight: (value: unknown) => value is T): T | undefined {
  try {
    const text = localStorage.getItem(key);
    const value: unknown = text === null ? undefined : JSON.parse(text);
    return isRight(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps something in localStorage. A full or forbidden storage is no reason to stop: it is kept until the page is closed. */
export function writeStored(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    return;
  }
}

/** Whether a value is an object whose values are all of a kind. */
export function isRecordOf<T>(isRight: (value: unknown) => value is T) {
  return (value: unknown): value is Record<string, T> =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isRight);
}

export const isString = (value: unknown): value is string => typeof value === 'string';
export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
