/**
 * The keys that a gate publishes, as a rendering server keeps them.
 *
 * A published key determines the one header that its page tokens have, byte for byte. So tokens are looked up by their
 * whole encoded header, and nothing of a foreign token is parsed (PROTOCOL §7). The set is read when it is first needed,
 * anew in the background after five minutes, and when a token comes under an unknown key: at most once in 30 seconds. A
 * set that cannot be read changes nothing until the last good one is an hour old.
 */

import { decode, encode } from "./base64url.js";
import { PageError } from "./errors.js";

/** Whether a signature over a message holds. */
export type Check = (message: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>) => Promise<boolean>;

export interface KeyOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** ms, monotonic. */
  readonly clock: () => number;
}

/** ms */
const REFRESH = 300_000;
const COOLDOWN = 30_000;
const MAX_STALENESS = 3_600_000;
const TIMEOUT = 5_000;
/** A lost answer is no reason for a page of errors. */
const ATTEMPTS = 3;
/** Characters of a set, of which one key has about 150. */
const MAX_SIZE = 65_536;
const MAX_KEYS = 100;
const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
const KINDS: Readonly<Record<string, readonly [string, string]>> = {
  EdDSA: ["OKP", "Ed25519"],
  ES256: ["EC", "P-256"],
};

/** The y of points of Ed25519 of small order, little-endian without the bit of x: signatures under them can be forged. */
const SMALL_ORDER = [
  "".padEnd(64, "0"),
  "01".padEnd(64, "0"),
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ...["ec", "ed", "ee"].map((least) => `${least.padEnd(62, "f")}7f`),
];

/** Finds the check of an encoded header; null under no published key. Rejects with a PageError. */
export function followKeys({ url, fetch, clock }: KeyOptions): (header: string) => Promise<Check | null> {
  let checks: ReadonlyMap<string, Check> | null = null;
  let goodAt = -Infinity;
  let triedAt = -Infinity;
  let running: Promise<void> | null = null;
  let fault: unknown;

  async function load(): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      try {
        checks = await read(fetch, url);
        goodAt = clock();
        return;
      } catch (error) {
        if (error instanceof PageError) throw error;
        fault = error;
      }
    }
  }

  /** One reading at a time. One that a runtime stopped with its request, as some do, is not waited for again. */
  function refresh(): Promise<void> {
    if (running && clock() - triedAt < ATTEMPTS * TIMEOUT) return running;
    triedAt = clock();
    const own = load().finally(() => {
      if (running === own) running = null;
    });
    running = own;
    return own;
  }

  return async (header) => {
    const isUsable = checks !== null && clock() - goodAt < MAX_STALENESS;
    if (!isUsable) {
      await refresh();
      if (clock() - goodAt >= MAX_STALENESS) throw unavailable(url, fault);
    } else if (clock() - goodAt > REFRESH && clock() - triedAt > COOLDOWN) {
      refresh().catch((error: unknown) => {
        fault = error;
      });
    }
    const isDue = () => running !== null || clock() - triedAt > COOLDOWN;
    if (!checks!.has(header) && isDue()) await refresh();
    if (checks!.size === 0)
      throw new PageError("setup", `${url} publishes no keys. A gate with ALGORITHM=HS256 has none: set checkURL.`);
    return checks!.get(header) ?? null;
  };
}

function unavailable(url: string, cause: unknown): PageError {
  const why = cause instanceof Error ? cause.message : "no answer";
  return new PageError(
    "unavailable",
    `The keys at ${url} cannot be read (${why}). Is internalURL the address at which this server reaches the gate?`,
    { cause },
  );
}

async function read(fetch: KeyOptions["fetch"], url: string): Promise<ReadonlyMap<string, Check>> {
  const headers = { accept: "application/jwk-set+json, application/json" };
  // Not `redirect: "error"`, which some runtimes do not know.
  const response = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  const text = await response.text();
  if (text.length > MAX_SIZE) throw new Error("too long");
  const { keys } = (JSON.parse(text) ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error("not a key set");
  const checks = await Promise.all(keys.map((jwk) => checkOf(jwk as Readonly<Record<string, unknown>>)));
  return new Map(checks);
}

async function checkOf(jwk: Readonly<Record<string, unknown>>): Promise<[string, Check]> {
  const { kid, alg, kty, crv, x, y } = jwk;
  const [type, curve] = KINDS[String(alg)] ?? [];
  const isPrivate = PRIVATE.some((member) => member in jwk);
  if (typeof kid !== "string" || !kid || kty !== type || crv !== curve || isPrivate) throw new Error("not a key set");
  const header = encode(new TextEncoder().encode(JSON.stringify({ alg, kid, typ: "page+jwt" })));
  if (alg === "ES256") {
    const curved = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", { kty, crv, x, y } as JsonWebKey, curved, false, ["verify"]);
    const how = { name: "ECDSA", hash: "SHA-256" };
    return [header, (message, signature) => crypto.subtle.verify(how, key, signature, message)];
  }
  const key = await edwards(decode(String(x)));
  return [header, (message, signature) => crypto.subtle.verify("Ed25519", key, signature, message)];
}

async function edwards(raw: Uint8Array<ArrayBuffer> | null): Promise<CryptoKey> {
  if (raw?.length !== 32) throw new Error("not a key set");
  const y = raw.with(31, raw[31]! & 0x7f);
  if (SMALL_ORDER.includes(Array.from(y, (byte) => byte.toString(16).padStart(2, "0")).join("")))
    throw new Error("a key of small order, whose signatures can be forged");
  try {
    return await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
  } catch (cause) {
    const mend = "set ALGORITHM=ES256 at the gate, or checkURL here";
    throw new PageError("setup", `The Web Crypto of this runtime has no Ed25519: ${mend}.`, { cause });
  }
}
