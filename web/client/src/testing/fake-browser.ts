/**
 * A fake browser for tests: tabs that share a cookie jar, storage, IndexedDB, Web Locks and BroadcastChannel.
 *
 * Everything that takes time uses timers, which a test can fake; everything random uses `random`.
 */

import type { BrowserScope } from "../session/browser.js";
import { fakeCrypto } from "./fake-crypto.js";
import { fakeDatabase, fakeDocument, fakeStorage } from "./fake-stores.js";
import type { FaultServer } from "./fault-server.js";
import type { Incoming, Outgoing } from "./messages.js";

/**
 * A fault of one request. A number is the status of a response without any effect at the server; `hang` delays the
 * request, `lag` the response, ms.
 */
export type Fault =
  | "lose-request"
  | "lose-answer"
  | 429
  | 500
  | 503
  | { readonly hang: number }
  | { readonly lag: number };

/** What the browser supports; by default everything. `page` is the address of its tabs. */
export interface ProfileOptions {
  readonly locks?: boolean;
  readonly channel?: boolean;
  readonly storage?: boolean;
  readonly keys?: boolean;
  readonly page?: string;
  readonly random?: () => number;
}

/** A browser profile, and the network between it and a server. */
export class FakeProfile {
  readonly jar = new Map<string, string>();
  readonly storage = new Map<string, string>();
  readonly tabs: FakeTab[] = [];
  readonly keys = new Map<string, object>();
  readonly #waiting = new Map<string, (() => void)[]>();
  #channels: { name: string; channel: FakeChannel }[] = [];
  /** Faults of the next calls of auth endpoints, one each; `undefined` for none. */
  faults: (Fault | undefined)[] = [];
  offline = false;
  canStoreKeys: boolean;

  constructor(
    readonly server: FaultServer,
    readonly options: ProfileOptions = {},
  ) {
    this.canStoreKeys = options.keys ?? true;
    if (!globalThis.Response || !globalThis.Headers || !globalThis.TextEncoder)
      throw new Error(
        "gatepass/testing: this test environment has no fetch API (Response, Headers, TextEncoder), as Jest's jsdom: give it those of Node, as the guide on testing pages shows.",
      );
  }

  random(): number {
    return this.options.random?.() ?? 0.5;
  }

  /** Opens a tab: at `page`, or at the address that all have. */
  tab(page?: string): FakeTab {
    const tab = new FakeTab(this, page);
    this.tabs.push(tab);
    return tab;
  }

  /**
   * Comes back from the provider whose `location` a start has named, where the person with the address `subject` signed in,
   * or with an `error`. Returns the page to which the server sends the browser. Load it in a new tab.
   */
  async comeBack(
    location: string,
    outcome: { readonly subject: string } | { readonly error: string },
  ): Promise<string> {
    const { hostname, searchParams } = new URL(location);
    const query = new URLSearchParams({ state: searchParams.get("state") ?? "", ...outcome });
    const answer = await this.send(`/auth/oidc/${hostname.replace(/\.example$/, "")}/callback?${query}`);
    return (
      answer.headers.get("Location") ?? Promise.reject(new Error(`The way back was answered with ${answer.status}.`))
    );
  }

  async lock<T>(name: string, given: LockOptions, act: (lock: Lock | null) => Promise<T>): Promise<T | undefined> {
    const { signal, ifAvailable } = given;
    const queue = this.#waiting.get(name) ?? [];
    const isFree = !this.#waiting.has(name);
    if (!isFree && ifAvailable) return act(null);
    this.#waiting.set(name, queue);
    if (!isFree) {
      await new Promise<void>((resolve, reject) => {
        queue.push(resolve);
        signal?.addEventListener("abort", () => {
          const index = queue.indexOf(resolve);
          if (index >= 0) {
            queue.splice(index, 1);
            reject(signal.reason);
          }
        });
      });
    }
    try {
      return await act({ name, mode: "exclusive" });
    } finally {
      const next = queue.shift();
      if (next) next();
      else this.#waiting.delete(name);
    }
  }

  join(name: string, channel: FakeChannel): () => void {
    const entry = { name, channel };
    this.#channels.push(entry);
    return () => {
      this.#channels = this.#channels.filter((other) => other !== entry);
    };
  }

  broadcast(name: string, from: FakeChannel, data: unknown): void {
    const copy: unknown = structuredClone(data);
    for (const { name: other, channel } of this.#channels) {
      if (other !== name || channel === from) continue;
      setTimeout(() => channel.onmessage?.({ data: copy } as MessageEvent), 1 + this.random() * 8);
    }
  }

  /** Sends a request of a tab. If the tab is killed meanwhile, the request may still arrive, but never settles. */
  async sendFrom(tab: FakeTab, address: string, init?: RequestInit): Promise<Response> {
    if (!tab.isDead) {
      const answer = await this.send(address, init).catch((error: unknown) => error);
      if (!tab.isDead && answer instanceof Response) return answer;
      if (!tab.isDead) throw answer;
    }
    return new Promise(() => undefined);
  }

  async send(address: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(address, "http://localhost:8000");
    const fault = url.pathname.startsWith("/auth/") ? this.faults.shift() : undefined;
    await this.#travel(typeof fault === "object" && "hang" in fault ? fault.hang : 1 + this.random() * 8, init.signal);
    if (this.offline || fault === "lose-request") throw new TypeError("Failed to fetch");
    if (typeof fault === "number")
      return new Response(null, { status: fault, headers: fault === 429 ? { "Retry-After": "2" } : {} });
    const { body } = init;
    const request: Incoming = {
      method: init.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      headers: new Headers(init.headers),
      body: typeof body === "string" ? read(body) : body,
      cookies: new Map(this.jar),
    };
    const answer = this.#receive(request);
    await this.#travel(typeof fault === "object" && "lag" in fault ? fault.lag : 1 + this.random() * 8, init.signal);
    if (fault === "lose-answer") throw new TypeError("Failed to fetch");
    for (const [name, value] of Object.entries(answer.cookies ?? {})) {
      if (value === null) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    const text = answer.body === undefined ? null : JSON.stringify(answer.body);
    return new Response(text, {
      status: answer.status,
      headers: { "Content-Type": "application/json", ...answer.headers },
    });
  }

  /**
   * What code of the test throws (`answers`), such as a failed `expect`, is no failure of the network, and not told as one.
   * A TypeError may be meant as one, as `fetch` throws it: the client goes by its words.
   */
  #receive(request: Incoming): Outgoing {
    try {
      return this.server.receive(request);
    } catch (error) {
      if (!(error instanceof TypeError)) Reflect.set(Object(error), "isFault", true);
      throw error;
    }
  }

  #travel(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal!.reason);
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      setTimeout(resolve, ms);
    });
  }
}

/** The value of JSON; any other text as it is. */
function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

class FakeChannel {
  onmessage: ((event: MessageEvent) => void) | null = null;
  close: () => void;

  constructor(
    private readonly profile: FakeProfile,
    private readonly name: string,
  ) {
    const leave = profile.join(name, this);
    this.close = () => {
      leave();
      this.postMessage = () => {
        throw new DOMException("Channel is closed", "InvalidStateError");
      };
    };
  }

  postMessage(data: unknown): void {
    this.profile.broadcast(this.name, this, data);
  }
}

/** One tab: the `globalThis` for a session. */
export class FakeTab implements BrowserScope {
  readonly performance = performance;
  readonly crypto = fakeCrypto(Math.random);
  readonly location: { href: string };
  readonly history: NonNullable<BrowserScope["history"]>;
  readonly document: NonNullable<BrowserScope["document"]>;
  readonly localStorage: NonNullable<BrowserScope["localStorage"]>;
  readonly indexedDB: IDBFactory;
  readonly navigator: NonNullable<BrowserScope["navigator"]>;
  readonly BroadcastChannel?: NonNullable<BrowserScope["BroadcastChannel"]>;
  readonly fetch: typeof fetch;
  readonly #events = new EventTarget();
  readonly #death: Promise<undefined>;
  /** Closes the tab, as a reload or a crash does: its locks are released, and its requests never settle. */
  kill!: () => void;
  isDead = false;

  constructor(profile: FakeProfile, page = profile.options.page ?? "http://localhost:8000/app") {
    this.#death = new Promise((resolve) => {
      this.kill = () => {
        this.isDead = true;
        resolve(undefined);
      };
    });
    const live = <T>(act: () => Promise<T>) => Promise.race([act(), this.#death]);
    const { options } = profile;
    this.location = { href: page };
    this.history = {
      state: null,
      replaceState: (_state, _unused, url) => {
        this.location.href = String(url);
      },
    };
    this.document = fakeDocument(profile.jar, this.#events);
    this.localStorage = fakeStorage(profile.storage, options.storage ?? true);
    this.indexedDB = fakeDatabase(profile.keys, () => profile.canStoreKeys);
    this.navigator =
      (options.locks ?? true)
        ? {
            locks: {
              request: (name: string, given: LockOptions, act: (lock: Lock | null) => Promise<unknown>) =>
                profile.lock(name, given, (lock) => live(() => act(lock))),
            } as never,
          }
        : {};
    if (options.channel ?? true) {
      this.BroadcastChannel = class extends FakeChannel {
        constructor(name: string) {
          super(profile, name);
        }
      } as never;
    }
    this.fetch = (input, init) => profile.sendFrom(this, String(input), init);
  }

  addEventListener(type: string, listener: () => void): void {
    this.#events.addEventListener(type, listener);
  }

  removeEventListener(type: string, listener: () => void): void {
    this.#events.removeEventListener(type, listener);
  }

  /** Dispatches an event of the browser: online, pageshow, visibilitychange. */
  happen(type: string): void {
    this.#events.dispatchEvent(new Event(type));
  }
}
