/** Waits for a promise, but not for ever: rejects with `explain()` after `ms`. */
export async function deadline(promise, ms, explain) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(explain())), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
