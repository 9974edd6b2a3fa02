/** SHA-256 and HMAC without waiting (FIPS 180-4, RFC 2104): WebCrypto's promises do not resolve under fake timers. */

const PRIMES = [...Array(312).keys()].slice(2).filter((n) => ![...Array(n).keys()].slice(2).some((d) => n % d === 0));
const fraction = (value: number) => ((value % 1) * 2 ** 32) | 0;
const START = PRIMES.slice(0, 8).map((prime) => fraction(prime ** (1 / 2)));
const ROUNDS = PRIMES.slice(0, 64).map((prime) => fraction(prime ** (1 / 3)));

/** The digest of `data`, 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new DataView(new ArrayBuffer((data.length + 72) & ~63));
  new Uint8Array(padded.buffer).set(data);
  padded.setUint8(data.length, 128);
  padded.setUint32(padded.byteLength - 4, data.length * 8);
  const state = [...START];
  const words = new Int32Array(64);
  for (let block = 0; block < padded.byteLength; block += 64) {
    for (let i = 0; i < 64; i++) words[i] = i < 16 ? padded.getInt32(block + i * 4) : expand(words, i);
    const next = [...state];
    for (let i = 0; i < 64; i++) round(next, ROUNDS[i]! + words[i]!);
    for (let i = 0; i < 8; i++) state[i] = (state[i]! + next[i]!) | 0;
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (let i = 0; i < 8; i++) digest.setInt32(i * 4, state[i]!);
  return new Uint8Array(digest.buffer);
}

/** HMAC-SHA256 under a key of at most 64 bytes. */
export function hmac(key: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const pad = (mask: number) => Uint8Array.from({ length: 64 }, (_, i) => (key[i] ?? 0) ^ mask);
  return sha256(new Uint8Array([...pad(0x5c), ...sha256(new Uint8Array([...pad(0x36), ...data]))]));
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function expand(words: Int32Array, i: number): number {
  const [early, late] = [words[i - 15]!, words[i - 2]!];
  const first = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
  const second = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
  return (words[i - 16]! + first + words[i - 7]! + second) | 0;
}

function round(state: number[], word: number): void {
  const [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
  const first = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + word) | 0;
  const second = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
  state.splice(0, 8, (first + second) | 0, a, b, c, (d + first) | 0, e, f, g);
}
