/** Fake WebCrypto for tests: real digests and signatures, whose promises resolve under fake timers. */

import { hmac, sha256 } from "./sha256.js";

interface FakeKey {
  readonly bytes: Uint8Array;
  readonly algorithm: { readonly name: string };
}

/** The part of WebCrypto that a session uses. `random` returns numbers from 0 to 1. */
export function fakeCrypto(random: () => number): Pick<Crypto, "subtle" | "getRandomValues"> {
  return {
    getRandomValues: (bytes: Uint8Array) => bytes.map((_, i) => (bytes[i] = Math.floor(random() * 256))) && bytes,
    subtle: {
      digest: async (_algorithm: string, data: Uint8Array) => sha256(data).buffer,
      importKey: async (_format: string, bytes: Uint8Array): Promise<FakeKey> => ({
        bytes: bytes.slice(),
        algorithm: { name: "HMAC" },
      }),
      sign: async (_algorithm: string, key: FakeKey, data: Uint8Array) => hmac(key.bytes, data).buffer,
    },
  } as never;
}
