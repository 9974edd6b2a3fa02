/** An authenticator, and the browser in front of it. */

import { vi } from "vitest";

interface Asked {
  readonly publicKey: object;
  readonly mediation?: string;
  readonly signal: AbortSignal;
}

/** The browser's side: `answer` is what the device comes to, and a conditional request waits for `take`. */
export class FakeDevice {
  readonly asked: [act: string, Asked][] = [];
  readonly signalled: object[] = [];
  answer: () => object = () => ({ id: "key-1", type: "public-key" });
  take!: () => void;

  readonly #ask = (act: string) => (options: Asked) => {
    this.asked.push([act, options]);
    return new Promise((resolve, reject) => {
      const done = () => {
        try {
          const made = this.answer();
          resolve({ toJSON: () => made });
        } catch (error) {
          reject(error);
        }
      };
      if (options.signal.aborted) reject(options.signal.reason);
      options.signal.addEventListener("abort", () => reject(options.signal.reason));
      if (options.mediation) this.take = done;
      else done();
    });
  };

  install(): void {
    vi.stubGlobal("navigator", { credentials: { create: this.#ask("create"), get: this.#ask("get") } });
    vi.stubGlobal("PublicKeyCredential", {
      parseCreationOptionsFromJSON: (options: object) => ({ ...options, isParsed: true }),
      parseRequestOptionsFromJSON: (options: object) => ({ ...options, isParsed: true }),
      isConditionalMediationAvailable: async () => true,
      signalUnknownCredential: async (options: object) => void this.signalled.push(options),
    });
  }
}
