/**
 * The guard of WebSockets at the fake server (PROTOCOL §10), and the page's WebSocket that leads to it.
 *
 * What a socket shows is judged by `judge`; a test says what the application sends, and when the guard closes.
 */

import { afterEach, beforeEach, vi } from "vitest";
import { useFakeClock } from "./clock.js";

/** The life of an access token of the fake server, ms. */
export const LIFE = 900_000;
/** The page of the test that runs. */
export let page: ReturnType<typeof openPage>;

export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A fake clock, and a page of its own for each test of a file. */
export function usePage(): void {
  useFakeClock();
  beforeEach(() => {
    page = openPage();
  });
  afterEach(() => vi.unstubAllGlobals());
}

export class FakeSocket extends EventTarget {
  static all: FakeSocket[] = [];
  /** How the guard judges a token: the seconds left, or the code with which it closes. */
  static judge: (token: string) => number = () => 900;
  static isReachable = true;
  static isSilent = false;
  static readonly OPEN = 1;
  readyState = 0;
  binaryType = "blob";
  readonly shown: string[] = [];
  readonly heard: unknown[] = [];
  readonly url: string;

  constructor(
    url: string | URL,
    readonly protocols: string[] = [],
  ) {
    super();
    this.url = `${url}`;
    FakeSocket.all.push(this);
    setTimeout(() => (FakeSocket.isReachable ? this.#open() : this.drop(1006)), 5);
  }

  #open(): void {
    if (this.readyState > 0) return;
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
    const offered = this.protocols.indexOf("gatepass");
    if (offered >= 0) this.#see(this.protocols[offered + 1]!, false);
  }

  /** The page sends. */
  send(data: unknown): void {
    const said = typeof data === "string" && data.includes("access_token") ? JSON.parse(data) : null;
    if (said) setTimeout(() => this.#see(said.access_token, true), 5);
    else this.heard.push(data);
  }

  #see(token: string, isAnswered: boolean): void {
    this.shown.push(token);
    const verdict = FakeSocket.judge(token);
    if (FakeSocket.isSilent) return;
    if (verdict > 4_000) this.drop(verdict);
    else if (isAnswered) this.answer(verdict);
  }

  /** The guard says how long the token holds. */
  answer(seconds: number): void {
    this.say(JSON.stringify({ type: "gatepass", session_id: "x", expires_in: seconds }));
  }

  /** The server sends. */
  say(data: unknown): void {
    if (this.readyState === 1) this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** The connection ends. */
  drop(code: number, reason = ""): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
  }

  close(code = 1005, reason = ""): void {
    this.drop(code, reason);
  }

  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }
}

/** A page whose window a test can send events; undone by `vi.unstubAllGlobals()`. */
export function openPage() {
  const events = new EventTarget();
  const document = { visibilityState: "visible" };
  const navigator = { onLine: true };
  FakeSocket.all = [];
  FakeSocket.judge = () => 900;
  FakeSocket.isReachable = true;
  FakeSocket.isSilent = false;
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("location", new URL("http://localhost:8000/app"));
  vi.stubGlobal("document", document);
  vi.stubGlobal("navigator", navigator);
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  vi.stubGlobal("removeEventListener", events.removeEventListener.bind(events));
  const happen = (type: string) => events.dispatchEvent(new Event(type));
  return {
    happen,
    /** A person presses a key. */
    use: () => happen("keydown"),
    show(state: "visible" | "hidden") {
      document.visibilityState = state;
      happen("visibilitychange");
    },
    setOnline(isOnline: boolean) {
      navigator.onLine = isOnline;
      if (isOnline) happen("online");
    },
  };
}
