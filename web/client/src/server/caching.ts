/** What a page for one person says to caches: a page that a shared cache keeps is shown to other people. */

const SHARED = /^(public$|s-maxage)/i;

/**
 * Make the headers of a response that depends on the page cookie fit for every cache on its way: `Vary: Cookie`, and
 * private. A Cache-Control that says more than that for shared caches loses it, and so do headers for CDNs (RFC 9213).
 * Returns the same headers.
 */
export function keepPrivate(headers: Headers): Headers {
  const words = (name: string) =>
    (headers.get(name) ?? "")
      .split(",")
      .map((word) => word.trim())
      .filter(Boolean);
  const vary = words("vary");
  if (!vary.some((word) => word === "*" || word.toLowerCase() === "cookie")) headers.append("vary", "Cookie");
  const kept = words("cache-control").filter((word) => !SHARED.test(word));
  const isPrivate = kept.some((word) => /^(private|no-store)/i.test(word));
  headers.set(
    "cache-control",
    kept.length ? [...(isPrivate ? [] : ["private"]), ...kept].join(", ") : "private, no-store",
  );
  for (const name of [...headers.keys()]) if (/(surrogate-control|cdn-cache-control)$/.test(name)) headers.delete(name);
  return headers;
}
