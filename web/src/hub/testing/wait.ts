// Waiting for what must happen, for no longer than a while.

const LONGEST = 8_000;

/** Resolves when the condition holds; rejects with what was waited for when it doesn't come to that. */
export async function until(condition: () => boolean, what: string, ms = LONGEST): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

export async function within<T>(promise: Promise<T>, what: string, ms = LONGEST): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
