/** Base64url without padding (RFC 4648 §5), one spelling for each value, with what every runtime has. */

/** The bytes; null for anything but the one spelling. */
export function decode(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[\w-]*$/.test(text)) return null;
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
    return encode(bytes) === text ? bytes : null; // what is left of the last character must be zeros
  } catch {
    return null;
  }
}

export function encode(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
