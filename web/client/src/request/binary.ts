/** A body of Axios that is bytes (`responseType`), as text. Of fetch all is text here, so its pages do not load this. */

/** Reads a Blob or bytes as text. Anything else stays as it is. */
export async function readBinary(body: unknown): Promise<unknown> {
  const isBinary = body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  return isBinary ? new Response(body as BodyInit).text() : body;
}
