/** The way back after a sign-in, where it came in an address. */

/** `returnTo` if it is on this origin, else `otherwise`: a link must not redirect to another site (CWE-601). */
export function safeReturn(returnTo: string | null | undefined, otherwise = "/"): string {
  const here = globalThis.location;
  if (!returnTo || !here) return otherwise;
  try {
    const url = new URL(returnTo, here.origin);
    // "/.//other.example" parses as a path here, but "//other.example" would be followed to another host.
    return url.origin === here.origin && !url.pathname.startsWith("//") ? hereOf(url) : otherwise;
  } catch {
    return otherwise;
  }
}

/** A place of this origin: its path, query and fragment. */
export const hereOf = ({ pathname, search, hash }: Pick<URL, "pathname" | "search" | "hash">) =>
  `${pathname}${search}${hash}`;
