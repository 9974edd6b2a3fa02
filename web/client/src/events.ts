/** Telling the application: in a microtask, so that no code of others runs inside ours, nor under a lock. */

/** Functions that want to hear. What they throw is reported by the browser and stops nothing here. */
export class Listeners<Value> {
  readonly #all = new Set<(value: Value) => void>();

  /** Returns what removes it again. */
  add(listener: (value: Value) => void): () => void {
    // A wrapper of its own, so that one function added twice is two listeners.
    const hear = (value: Value) => listener(value);
    this.#all.add(hear);
    return () => {
      this.#all.delete(hear);
    };
  }

  tell(value: Value): void {
    for (const hear of this.#all) queueMicrotask(() => this.#all.has(hear) && hear(value));
  }
}
