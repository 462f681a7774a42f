// Events with types.

// Listener types keep their own parameters; this only says that they are functions.
type Listeners = Record<string, (...args: never[]) => void>;

/** Tells listeners. One that throws keeps nobody else from hearing. */
export class Emitter<Events extends { [E in keyof Events]: Listeners[string] }> {
  readonly #listeners: { [E in keyof Events]?: Set<Events[E]> } = {};

  /** Listens to an event; answers how to stop. */
  on<E extends keyof Events>(event: E, listener: Events[E]): () => void {
    const listeners = (this.#listeners[event] ??= new Set<Events[E]>());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  emit<E extends keyof Events>(event: E, ...args: Parameters<Events[E]>): void {
    for (const listener of [...(this.#listeners[event] ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        // As an uncaught error, where the page's own handlers see it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
