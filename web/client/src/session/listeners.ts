/** Telling the application: in a microtask, so that no code of others runs inside ours, nor under a lock. */

/** Functions that want to hear. What they throw is reported by the browser and stops nothing here. */
export interface Listeners<Value> {
  /** Returns what removes it again. */
  add(listener: (value: Value) => void): () => void;
  tell(value: Value): void;
}

export function createListeners<Value>(): Listeners<Value> {
  const all = new Set<(value: Value) => void>();
  return {
    add(listener) {
      // A wrapper of its own, so that one function added twice is two listeners.
      const hear = (value: Value) => listener(value);
      all.add(hear);
      return () => void all.delete(hear);
    },
    tell(value) {
      for (const hear of all) queueMicrotask(() => all.has(hear) && hear(value));
    },
  };
}
