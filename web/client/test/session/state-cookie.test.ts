import { describe, expect, it } from "vitest";

import { createNotes, findCookie, openJar, parseState, stateCookieNames } from "../../src/session/state-cookie.js";
import { contract } from "../contract.js";
import { FakeProfile } from "../fake/profile.js";
import { FakeServer } from "../fake/server.js";

interface Vectors {
  values: {
    name: string;
    text: string;
    state: { sid: string; generation: number; challenge: string; expiry: number } | null;
  }[];
  names: { url: string; names: string[] }[];
  lookups: { name: string; cookies: string; cookie: string; text: string | null }[];
}

const { values, names, lookups } = contract<Vectors>("state_cookies");
const SID = "00112233445566778899aabbccddeeff";

describe("the state cookie", () => {
  it.each(values)("is read strictly: $name", ({ text, state }) => {
    const { expiry: _hint, ...read } = state ?? { expiry: 0 };
    expect(parseState(text)).toEqual(state && read);
  });

  it.each(names)("has one of these names at $url: $names", ({ url, names }) => {
    expect(stateCookieNames(new URL(url))).toEqual(names);
  });

  it.each(lookups)("is found by its whole name: $name", ({ cookies, cookie, text }) => {
    expect(findCookie(cookies, cookie)).toBe(text ?? undefined);
  });

  it("is deleted only if it names the session", () => {
    const profile = new FakeProfile(new FakeServer());
    const tab = profile.tab();
    const jar = openJar(tab, createNotes(tab, ""), new URL("http://localhost:8000/auth"));
    profile.jar.set("gatepass_state_8000", `${SID}.3.q83vEjRWeJo.1`);
    jar.forget("f".repeat(32));
    expect(jar.read()).toEqual({ sid: SID, generation: 3, challenge: "q83vEjRWeJo" });
    jar.forget(SID);
    expect(jar.read()).toBeNull();
  });

  it("is deleted where browsers keep it: apart from the others, if the server has set it Partitioned", () => {
    const name = "__Host-gatepass_state";
    // Two jars, as browsers with CHIPS have them. A write reaches the one that its attributes name.
    const jars = { apart: `${name}=${SID}.3.q83vEjRWeJo.1`, shared: "" };
    const tab = {
      ...new FakeProfile(new FakeServer()).tab(),
      location: { href: "https://api.example.com/page" },
      document: {
        get cookie() {
          return [jars.apart, jars.shared].filter(Boolean).join("; ");
        },
        set cookie(text: string) {
          if (!/^__Host-gatepass_state=; .*Max-Age=0/.test(text) || !/; Secure/.test(text)) return;
          if (!/; Partitioned/.test(text)) jars.shared = "";
          else if (/; SameSite=None/.test(text)) jars.apart = "";
        },
      },
    } as unknown as Parameters<typeof openJar>[0];
    const jar = openJar(tab, () => null, new URL("https://api.example.com/auth"));
    expect(jar.read()?.sid).toBe(SID);
    jar.forget(SID);
    expect(jar.read()).toBeNull();
    jars.shared = `${name}=${SID}.3.q83vEjRWeJo.1`;
    jar.forget(SID);
    expect(jar.read()).toBeNull();
  });
});

describe("notes where storage is full", () => {
  it("last as long as the tab, until storage takes them again", () => {
    const profile = new FakeProfile(new FakeServer());
    const tab = profile.tab();
    const [mine, sibling] = [createNotes(tab, "p:"), createNotes(profile.tab(), "p:")];
    const { setItem } = tab.localStorage;
    tab.localStorage.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    mine("out", "x");
    expect([mine("out"), sibling("out")]).toEqual(["x", null]);
    tab.localStorage.setItem = setItem;
    mine("out", "y");
    expect([mine("out"), sibling("out")]).toEqual(["y", "y"]);
    sibling("out", null);
    expect(mine("out")).toBeNull();
  });
});

describe("notes", () => {
  it("are shared by tabs, and lost with the tab where storage is refused", () => {
    for (const [storage, heard] of [
      [true, "x"],
      [false, undefined],
    ] as const) {
      const profile = new FakeProfile(new FakeServer(), { storage });
      const mine = createNotes(profile.tab(), "p:");
      mine("out", "x");
      expect(mine("out")).toBe("x");
      expect(createNotes(profile.tab(), "p:")("out")).toBe(heard);
      mine("out", null);
      expect(mine("out")).toBeNull();
    }
  });
});
