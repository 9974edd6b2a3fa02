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

/**
 * The address of the page whose data a router asks for, at an address of its own (SvelteKit, React Router 8). A person who
 * came back to that would see the data in the place of the page. An address that a person has opened is as it is.
 */
export function pageAddress(url: string | undefined, destination: string | null): string | undefined {
  if (!url || destination === "document" || !URL.canParse(url)) return url;
  const page = new URL(url);
  page.pathname = page.pathname
    .replace(/(\.html|\/)__data\.json$/, (_, end: string) => (end === "/" ? "" : end))
    .replace(/\/(_root|_)\.data$|\.data$/, (_, root?: string) => (root ? "/" : ""));
  for (const name of ["_routes", "_rsc", "x-sveltekit-invalidated", "x-sveltekit-trailing-slash"])
    page.searchParams.delete(name);
  return page.href;
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
