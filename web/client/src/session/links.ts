/**
 * Links for `<img>`, `<video>` and downloads, which send no header (PROTOCOL §10).
 *
 * The calls of one moment are one request, so a gallery costs one. A link is given out again until half of its life is
 * over: the address stays the same, and the browser finds in its cache what it has loaded by it.
 */

import { GatepassError } from "../errors.js";
import type { EndpointCall } from "./endpoints.js";
import { bearer } from "./sign-in.js";
import type { AccessToken, Session } from "./types.js";

/** The most that the server makes at once. */
const MAX_LINKS = 200;

/** One link. `until`: from when it is asked for anew, by the clock of the session; not before there is an answer. */
interface Link {
  readonly path: string;
  until: number;
  resolve(link: string): void;
  reject(error: unknown): void;
}

/** Where links are made: `home` is the origin of the endpoints, `sid` the session of the moment. */
interface Parts {
  readonly now: () => number;
  readonly call: EndpointCall;
  readonly home: string;
  readonly token: Session["token"];
  readonly sid: () => string | null;
}

/** Creates the `link` of a session. */
export function createLinks({ now, call, home, token, sid }: Parts): Session["link"] {
  let given = new Map<string, [Link, Promise<string>]>();
  let owner: string | null = null;
  const asked: Link[] = [];

  /** Asks for links; with a newer token if the first is refused. */
  async function ask(links: readonly Link[]): Promise<void> {
    const post = ({ value }: AccessToken) =>
      call("/links", { headers: bearer(value), body: { paths: links.map(({ path }) => path) } });
    try {
      const first = await token();
      if (!first) throw new GatepassError("session-ended");
      let answer = await post(first);
      const isRefused = answer.status === 401;
      const newer = isRefused && (await token(first.serial, null, answer.problem?.reason === "claims-changed"));
      if (newer) answer = await post(newer);
      const { links: made, expires_in: seconds } = (answer.problem ?? {}) as { links?: string[]; expires_in?: number };
      if (links.length > 1 && (answer.status === 413 || answer.status === 422)) {
        // One address that no link can be for, or too many long ones, must not cost the others theirs.
        for (const half of [links.slice(links.length / 2), links.slice(0, links.length / 2)]) void ask(half);
        return;
      }
      if (made?.length !== links.length) throw new GatepassError("http", answer);
      links.forEach((link, place) => {
        link.until = answer.sentAt + seconds! * 500;
        link.resolve(new URL(made[place]!, home).href);
      });
    } catch (error) {
      for (const link of links) {
        link.until = 0;
        link.reject(error);
      }
    }
  }

  function flush(): void {
    while (asked.length) void ask(asked.splice(0, MAX_LINKS));
  }

  return (path) => {
    if (owner !== sid()) given = new Map();
    owner = sid();
    const { href, origin } = new URL(path, home);
    const [known, promise] = given.get(href) ?? [];
    if (promise && now() < known!.until) return promise;
    let link!: Link;
    const made = new Promise<string>((resolve, reject) => {
      link = {
        path: origin === home ? href.slice(home.length) : href,
        until: Number.POSITIVE_INFINITY,
        resolve,
        reject,
      };
    });
    given.set(href, [link, made]);
    if (asked.push(link) === 1) queueMicrotask(flush);
    return made;
  };
}
