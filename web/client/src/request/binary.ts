/** A body of Axios that is bytes (`responseType`), as text. Of fetch all is text here, so its pages do not load this. */

/** Reads a Blob or bytes as text. Anything else stays as it is. */
export async function readBinary(body: unknown): Promise<unknown> {
  // By its tag: one of another frame is no instance. Buffers of Node are Uint8Arrays.
  const isBinary = / (Blob|ArrayBuffer|Uint8Array)]/.test({}.toString.call(body));
  return isBinary ? new Response(body as BodyInit).text() : body;
}
