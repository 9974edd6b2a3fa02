/**
 * Who a page is rendered for, in any server with the standard Request, Headers and Web Crypto: Node 20, Deno, Bun, edges.
 *
 *     const pages = createPageReader({ baseURL: "https://example.com/auth", internalURL: "http://127.0.0.1:8000/auth" });
 *     const { status, principal, resumeURL } = await pages.read(request);
 *     const notes = await fetch(`${API}/notes`, { headers: await pages.headers(request) });
 *
 * It reads the page cookie (PROTOCOL §10): a token for reading alone, which the gate sets beside the refresh token if
 * PAGES is on. A server that renders never refreshes; where the cookie has run out, the browser does, on the resume page.
 */

import { isAccepted } from "./server/api-check.js";
import { cookieReader } from "./server/cookies.js";
import { decide } from "./server/decide.js";
import { followKeys } from "./server/keys.js";
import { authenticate, claimsOf, judge, type Principal, principalOf } from "./server/page-token.js";
import { pageAddress, resumeAddress } from "./server/resume.js";

export { keepPrivate } from "./server/caching.js";
export { PageError, type PageErrorCode } from "./server/errors.js";
export type { Principal } from "./server/page-token.js";

export interface PageReaderOptions {
  /** The auth endpoints as browsers reach them, such as "https://example.com/auth". Pages are of the same origin. */
  readonly baseURL: string;
  /** The same endpoints as this server reaches them; by default `baseURL`. */
  readonly internalURL?: string | undefined;
  /** ISSUER of the gate; by default the origin of `baseURL`, as there. */
  readonly issuer?: string | undefined;
  /** AUDIENCE of the gate; by default the issuer, as there. */
  readonly audience?: string | undefined;
  /**
   * A GET route of the API with `page_principal`, as this server reaches it. It is asked once for each request instead of
   * checking the signature here: so a session that was ended elsewhere is seen at once, and not when the cookie runs out.
   */
  readonly checkURL?: string | undefined;
  /** Seconds by which the clocks of gate and server may differ. Default 5. */
  readonly leeway?: number | undefined;
  readonly fetch?: typeof fetch | undefined;
  /** Unix seconds; for tests. */
  readonly now?: (() => number) | undefined;
}

/** A Request, or its Headers where a framework gives no more (Next.js); then the caller says that it reads. */
export type PageRequest =
  | { readonly headers: Pick<Headers, "get">; readonly method?: string | undefined; readonly url?: string | undefined }
  | Pick<Headers, "get">;

/**
 * What a request says.
 *
 * `signed-in`      there is a principal
 * `resume`         the page cookie has run out, and there is a session: send the browser to `resumeURL`, which comes back
 * `anonymous`      no session
 * `lost`           resumed just now, and the page cookie was not accepted all the same: the setup is wrong
 * `unsafe-method`  a page cookie reads: changes go from the browser to the API, with the access token
 */
export type Page<Claims extends object = Readonly<Record<string, unknown>>> =
  | { readonly status: "signed-in"; readonly principal: Principal<Claims>; readonly resumeURL: null }
  | { readonly status: "resume"; readonly principal: null; readonly resumeURL: string }
  | { readonly status: "anonymous" | "lost" | "unsafe-method"; readonly principal: null; readonly resumeURL: null };

export interface PageReader<Claims extends object = Readonly<Record<string, unknown>>> {
  /**
   * Once for each request, however often it is called with the same Headers. `target`: where the resume page goes on to, a
   * path with its query; by default the address of the Request, or of the page whose data a router asks for by it. Rejects with a PageError.
   */
  read(request: PageRequest, target?: string | URL): Promise<Page<Claims>>;
  /** The principal of `read`. */
  principal(request: PageRequest): Promise<Principal<Claims> | null>;
  /** What to do after the API has refused the page cookie with 401: the session has ended, or its claims have changed. */
  refused(request: PageRequest, target?: string | URL): Page<Claims>;
  /** The headers of a GET to the API for this person: the page token as a bearer. Empty unless signed in. */
  headers(request: PageRequest): Promise<Record<string, string>>;
}

interface Found {
  readonly token: string;
  readonly principal: Principal;
}

const READING = ["GET", "HEAD"];
const LOST =
  "the session was resumed just now, and its page cookie did not come along or is not accepted. Is PAGES on at " +
  "the gate, is baseURL on its PUBLIC_URL, does internalURL lead to the same gate, and do the clocks agree?";

/** Make one for each gate, in a module of its own. Throws a TypeError for options that cannot be. */
export function createPageReader<Claims extends object = Readonly<Record<string, unknown>>>(
  options: PageReaderOptions,
): PageReader<Claims> {
  const base = absolute(options.baseURL, "baseURL");
  const issuer = options.issuer || base.origin;
  const expected = { issuer, audience: options.audience || issuer, leeway: options.leeway ?? 5 };
  const send = options.fetch ?? ((...call: Parameters<typeof fetch>) => fetch(...call));
  const now = options.now ?? (() => Date.now() / 1_000);
  const internal = absolute(options.internalURL || options.baseURL, "internalURL").href.replace(/\/$/, "");
  const checkURL = options.checkURL && absolute(options.checkURL, "checkURL").href;
  const find = followKeys({ url: `${internal}/jwks.json`, fetch: send, clock: () => performance.now() });
  const cookiesOf = cookieReader(base);
  const memory = new WeakMap<object, Promise<Found | null>>();
  const warned = new Set<string>();

  function warn(text: string): void {
    if (!warned.has(text)) console.warn(`gatepass: ${text}`);
    warned.add(text);
  }

  async function verify(token: string): Promise<Principal | null> {
    if (checkURL) return (await isAccepted(send, checkURL, token)) ? principalOf(claimsOf(token) ?? {}) : null;
    const claims = await authenticate(token, find);
    return claims && judge(claims, expected, now());
  }

  async function search(tokens: readonly string[]): Promise<Found | null> {
    for (const token of tokens) {
      const principal = await verify(token);
      if (principal) return { token, principal };
    }
    return null;
  }

  function foundIn(headers: Pick<Headers, "get">): Promise<Found | null> {
    const found = memory.get(headers) ?? search(cookiesOf(headers.get("cookie")).tokens);
    memory.set(headers, found);
    return found;
  }

  function say(request: PageRequest, found: Found | null, target?: string | URL): Page<Claims> {
    const { headers, url } = partsOf(request);
    const cookies = cookiesOf(headers.get("cookie"));
    const status = decide(cookies, found !== null);
    if (status === "signed-in") {
      return { status, principal: found!.principal as unknown as Principal<Claims>, resumeURL: null };
    }
    const page = pageAddress(url, headers.get("sec-fetch-dest"));
    if (status === "resume") return { status, principal: null, resumeURL: resumeAddress(base, target ?? page) };
    if (status === "lost") warn(LOST);
    else if (cookies.foreign) warn(foreign(base));
    return { status, principal: null, resumeURL: null };
  }

  async function read(request: PageRequest, target?: string | URL): Promise<Page<Claims>> {
    const { headers, method } = partsOf(request);
    if (!READING.includes(method)) return { status: "unsafe-method", principal: null, resumeURL: null };
    return say(request, await foundIn(headers), target);
  }

  return {
    read,
    refused: (request, target) => say(request, null, target),
    principal: async (request) => (await read(request)).principal,
    headers: async (request): Promise<Record<string, string>> => {
      const { status } = await read(request);
      if (status !== "signed-in") return {};
      const found = await foundIn(partsOf(request).headers);
      return { authorization: `Bearer ${found!.token}` };
    },
  };
}

/** Cookies go to all ports of a host, and their names tell apart whose they are: so this is mostly a wrong address. */
function foreign({ href }: URL): string {
  return `a request has the page cookie of another gate on this host, and none of the gate at ${href}. Is baseURL on its PUBLIC_URL, with its port?`;
}

function partsOf(request: PageRequest): { headers: Pick<Headers, "get">; method: string; url: string | undefined } {
  // By `get`, since the Headers of a framework may have a member `headers` too.
  if ("get" in request && typeof request.get === "function") return { headers: request, method: "GET", url: undefined };
  const { headers, method = "GET", url } = request as Exclude<PageRequest, Pick<Headers, "get">>;
  if (typeof headers?.get === "function") return { headers, method, url };
  throw new TypeError(
    "This takes a Request or its Headers. Of Node's own request: new Headers({ cookie: req.headers.cookie }).",
  );
}

function absolute(url: string, option: string): URL {
  if (/^https?:/.test(url) && URL.canParse(url)) return new URL(url);
  throw new TypeError(`${option} must be a whole address, such as "https://example.com/auth", and not "${url}".`);
}
