/** The address of the resume page, which refreshes in the browser and goes on (PROTOCOL §10). */

const MAX_NEXT = 4_096;
const MAX_DECODINGS = 5;

/**
 * `target` is a path with its query; of an address with a host only these count. What some reader may take for another
 * host becomes `/`, as at the gate, which would refuse it.
 */
export function resumeAddress(base: URL, target: string | URL | undefined): string {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, "")}/resume`;
  url.hash = "";
  url.search = `?next=${encodeURIComponent(pathOf(target ?? "/", base))}&optional=1`;
  return url.href;
}

function pathOf(target: string | URL, base: URL): string {
  // A text with two slashes at its start would be parsed as a host.
  if (typeof target === "string" && /^[/\\]{2}/.test(target)) return "/";
  if (!URL.canParse(target, base)) return "/";
  const { pathname, search } = new URL(target, base);
  const next = pathname + search;
  return next.length <= MAX_NEXT && isPlain(pathname) ? next : "/";
}

/** Whether a path is plain in every decoding: `//`, `/..` and `\` are another host to some browser or proxy. */
function isPlain(path: string): boolean {
  let text = path;
  for (let count = 0; count < MAX_DECODINGS; count += 1) {
    if (/\/\/|\/\.{1,2}(\/|$)|\\|\p{Cc}/u.test(text)) return false;
    const decoded = decodedOnce(text);
    if (decoded === text) return true;
    text = decoded;
  }
  return false;
}

function decodedOnce(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
