/** Listeners of the application. They run in microtasks, so that their code never runs inside ours or under a lock. */

/** A set of listeners. An error that one throws is reported by the browser and does not affect the others. */
export interface Listeners<Value> {
  /** Returns a function that removes it. */
  add(listener: (value: Value) => void): () => void;
  emit(value: Value): void;
}

export function createListeners<Value>(): Listeners<Value> {
  const entries = new Set<(value: Value) => void>();
  return {
    add(listener) {
      // A new function each time, so that a listener that is added twice is called twice.
      const entry = (value: Value) => listener(value);
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    emit(value) {
      for (const entry of entries) queueMicrotask(() => entries.has(entry) && entry(value));
    },
  };
}
