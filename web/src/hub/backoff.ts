// How long to wait before another try.

/** Milliseconds: doubled with each failed try up to `most`, and between half and all of that, so that clients don't come together. */
export function backoff(failures: number, first: number, most: number): number {
  const whole = Math.min(most, first * 2 ** Math.min(Math.max(failures, 1) - 1, 30));
  return whole * (0.5 + Math.random() / 2);
}
