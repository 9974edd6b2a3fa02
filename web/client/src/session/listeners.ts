/** Telling the application: in a microtask, so that no code of others runs inside ours, nor under a lock. */

/** Functions that want to hear. What they throw is reported by the browser and stops nothing here. */
export interface Listeners<Value> {
  /** Returns what removes it again. */
  add(listener: (value: Value) => void): () => void;
  emit(value: Value): void;
}

export function createListeners<Value>(): Listeners<Value> {
  const entries = new Set<(value: Value) => void>();
  return {
    add(listener) {
      // A wrapper of its own, so that one function added twice is two listeners.
      const entry = (value: Value) => listener(value);
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    emit(value) {
      for (const entry of entries) queueMicrotask(() => entries.has(entry) && entry(value));
    },
  };
}
