/** Refresh tokens of the fault server, in plain text: what follows from one, and the proof of its key. */

import { hmac, sha256 } from "./sha256.js";

export interface RefreshToken {
  readonly sid: string;
  readonly generation: number;
  readonly nonce: string;
  /** The fingerprint of the token that an unbound one was exchanged for; null for a bound one. */
  readonly parent: string | null;
  /** The key that it is bound to, as the client sent it. */
  readonly binding: string | null;
}

/** What a session stores of the token that was committed. */
export function fingerprintOf({ sid, generation, nonce, parent, binding }: RefreshToken): string {
  return base64(sha256(encode(JSON.stringify([sid, generation, nonce, parent, binding])))).slice(0, 22);
}

/** The fingerprint of the token that is committed when this one is presented, unless something was lost. */
export function follows(token: RefreshToken): string {
  return token.parent ?? fingerprintOf({ ...token, generation: token.generation - 1 });
}

/** The part of a refresh token that a proof names (PROTOCOL §5). */
export function challengeOf(token: RefreshToken): string {
  return fingerprintOf(token).slice(0, 11);
}

/** What a response that gives no tokens says of the right refresh token. */
export function markOf(token: RefreshToken): object {
  return { sid: token.sid, refresh_generation: token.generation, refresh_challenge: challengeOf(token) };
}

/** The `Gatepass-Proof` of a client that has the key. */
export function proofOf(token: RefreshToken, secret: string): string {
  const { sid, generation } = token;
  const named = `${generation}.${challengeOf(token)}`;
  const mac = hmac(decode(secret), encode(`gatepass refresh|${sid}|${named.replace(".", "|")}`));
  return `${named}.${base64(mac).slice(0, 22)}`;
}

/** The first half of the id of a session that begins with this key. */
export function keyIdOf(secret: string | null): string {
  const named = [...encode("gatepass key id"), ...(secret ? decode(secret) : [])];
  const id = secret ? sha256(new Uint8Array(named)) : new Uint8Array(8);
  return [...id.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}
