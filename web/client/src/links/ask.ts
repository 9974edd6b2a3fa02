/**
 * Asks for links, and keeps them.
 *
 * The calls of one moment are one request, so a gallery costs one. A link is given out again until half of its life is
 * over: the address stays the same, and the browser finds in its cache what it has loaded by it.
 */

import { GatepassError } from "../errors.js";
import { asOwner } from "../request/as-owner.js";
import { type Clock, createClock } from "../session/clock.js";
import type { Session } from "../session/types.js";

/** The most that the server makes at once. */
const MAX_LINKS = 200;

/** A link, and from when another one is asked for, by the clock of its session's book, ms. */
export interface Link {
  readonly href: string;
  readonly until: number;
}

/** One that is asked for. */
interface Wanted {
  readonly path: string;
  readonly resolve: (link: Link) => void;
  readonly reject: (error: unknown) => void;
}

/** The links of one session. */
interface Book {
  readonly clock: Clock;
  /** Whose they are. */
  sid: string | null;
  given: Map<string, { readonly promise: Promise<Link>; until: number }>;
  wanted: Wanted[];
}

const books = /* @__PURE__ */ new WeakMap<Session, Book>();

/** The book of a session, empty if another has begun. */
export function bookOf(session: Session): Book {
  const { sessionId: sid } = session.getSnapshot();
  let book = books.get(session);
  if (!book) {
    book = { clock: createClock(globalThis), sid, given: new Map(), wanted: [] };
    books.set(session, book);
  }
  if (book.sid !== sid) book.given = new Map();
  book.sid = sid;
  return book;
}

/** The link to `path`. Rejects with `session-ended`, `refresh-unavailable`, `network`, `timeout` or `http`. */
export function ask(session: Session, path: string): Promise<Link> {
  const book = bookOf(session);
  const home = session.origin;
  const { href, origin } = new URL(path, home);
  const known = book.given.get(href);
  if (known && book.clock.now() < known.until) return known.promise;
  const promise = new Promise<Link>((resolve, reject) => {
    const wanted = { path: origin === home ? href.slice(home.length) : href, resolve, reject };
    if (book.wanted.push(wanted) === 1) queueMicrotask(() => flush(session, book));
  });
  // Asked for once until there is an answer.
  const entry = { promise, until: Infinity };
  book.given.set(href, entry);
  const settle = (until: number) => {
    entry.until = until;
  };
  promise.then(
    ({ until }) => settle(until),
    () => settle(0),
  );
  return promise;
}

function flush(session: Session, { wanted, clock }: Book): void {
  while (wanted.length) void make(session, clock, wanted.splice(0, MAX_LINKS));
}

/** Asks the server; with a newer token if the first is refused. */
async function make(session: Session, clock: Clock, links: readonly Wanted[]): Promise<void> {
  const paths = links.map(({ path }) => path);
  const sentAt = clock.now();
  try {
    const answer = await asOwner(session, async (token) => {
      const answer = await session.post("/links", { paths }, token);
      if (answer.status === 401) throw new GatepassError("http", answer);
      return answer;
    });
    if (links.length > 1 && (answer.status === 413 || answer.status === 422)) {
      // One address that no link can be for, or too many long ones, must not cost the others theirs.
      for (const half of [links.slice(links.length / 2), links.slice(0, links.length / 2)])
        void make(session, clock, half);
      return;
    }
    const { links: made, expires_in: seconds } = (answer.problem ?? {}) as { links?: string[]; expires_in?: number };
    if (made?.length !== links.length) throw new GatepassError("http", answer);
    const until = sentAt + seconds! * 500;
    links.forEach(({ resolve }, place) => {
      resolve({ href: new URL(made[place]!, session.origin).href, until });
    });
  } catch (error) {
    for (const { reject } of links) reject(error);
  }
}
