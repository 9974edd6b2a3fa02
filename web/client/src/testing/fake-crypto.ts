/** Fake WebCrypto keys for tests. They sign by a checksum: the same for the same input, and not secure. */

export function fakeSubtle(): SubtleCrypto {
  return {
    generateKey: async () => ({ secret: String(Math.random()) }),
    sign: async (_algorithm: string, key: { secret: string }, data: Uint8Array) => checksum(key.secret, data).buffer,
  } as never;
}

function checksum(secret: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const sum = new Uint8Array(32);
  let state = 2_166_136_261;
  for (const byte of [...new TextEncoder().encode(secret), ...data]) state = Math.imul(state ^ byte, 16_777_619);
  for (let place = 0; place < sum.length; place++) {
    state = Math.imul(state ^ (state >>> 15) ^ place, 2_246_822_519);
    sum[place] = state >>> 24;
  }
  return sum;
}
