/** Identities at providers: linked and unlinked by the owner of an account, and signed out there too. */

import { describe, expect, it, vi } from "vitest";
import { signInWith } from "../src/providers.js";
import { problem } from "../src/testing/messages.js";
import { settled, useFakeClock } from "./fake/clock.js";
import { world } from "./fake/two-devices.js";
import { ANN } from "./fake/world.js";

useFakeClock();

describe("identities at providers", () => {
  /** Ann with a password, and with Google. */
  async function linked() {
    const made = await world();
    const { account, profile } = made;
    let left = "";
    const navigate = (location: string) => {
      left = location;
    };
    await settled(account.link("google", { returnTo: "/account", navigate }));
    expect(await settled(profile.comeBack(left, { subject: "ann@gmail.example" }))).toBe("/account");
    return { ...made, navigate, left: () => left };
  }

  it("are linked to the account that is signed in, listed, and unlinked", async () => {
    const { account, session, sid } = await linked();
    const [identity, ...others] = await settled(account.identities());
    expect([identity, others]).toMatchObject([{ provider: "google", email: "ann@gmail.example" }, []]);
    expect(await settled(session.refresh())).toMatchObject({ status: "active", sessionId: sid });
    await settled(account.unlink(identity!.id));
    expect(await settled(account.identities())).toEqual([]);
    await expect(settled(account.unlink(identity!.id))).rejects.toMatchObject({ problem: { code: "not-found" } });
  });

  it("need a recent sign-in to be linked, and the page may ask for it and repeat", async () => {
    const { account, server, session } = await world();
    const challenge = { "WWW-Authenticate": 'Bearer error="insufficient_user_authentication", max_age="300"' };
    server.answers.push(() => problem(401, "insufficient-user-authentication", {}, challenge));
    const link = () => settled(account.link("google", { returnTo: "/account", navigate: () => undefined }));
    await expect(link()).rejects.toMatchObject({ problem: { code: "insufficient-user-authentication" } });
    await settled(account.signInAgain(ANN.password));
    await link();
    expect(server.requests.at(-1)).toMatchObject({
      path: "/auth/oidc/google/start",
      body: { return_to: "/account", link: true },
    });
    expect(session.getSnapshot().status).toBe("active");
  });

  it("of another account are not taken, and the page is told", async () => {
    const { account, left, navigate, profile, session } = await linked();
    await settled(session.signIn({ email: "bob@example.com", password: "right" }));
    await settled(account.link("google", { returnTo: "/account", navigate }));
    const back = profile.comeBack(left(), { subject: "ann@gmail.example" });
    expect(await settled(back)).toBe("/account?gatepass_error=identity-taken");
  });

  it("that are the only way in stay", async () => {
    const { account, left, navigate, profile, session } = await linked();
    await settled(session.signOut());
    await settled(signInWith(session, "google", { returnTo: "/", navigate }));
    await settled(profile.comeBack(left(), { subject: "una@example.com" }));
    await settled(session.start());
    await settled(session.refresh());
    expect(await settled(account.hasPassword())).toBe(false);
    const [identity] = await settled(account.identities());
    await expect(settled(account.unlink(identity!.id))).rejects.toMatchObject({ problem: { code: "last-way-in" } });
  });

  it("leave a password where there is one", async () => {
    const { account } = await linked();
    expect(await settled(account.hasPassword())).toBe(true);
  });
});

describe("a sign-out at the provider too", () => {
  it("signs out here, and then leaves for the provider", async () => {
    const { account, server, session, profile, sid } = await world();
    let left = "";
    const navigate = (location: string) => {
      left = location;
    };
    await settled(account.link("google", { returnTo: "/", navigate }));
    await settled(profile.comeBack(left, { subject: "ann@gmail.example" }));
    await settled(account.signOutAtProvider({ returnTo: "/bye", navigate }));
    expect(left).toBe("https://google.example/logout");
    expect([session.getSnapshot().reason, server.rows.get(sid)!.revoked]).toEqual(["signed-out", "revoked"]);
    const asked = server.requests.find(({ path }) => path === "/auth/logout")!;
    expect([asked.body, asked.headers.get("Gatepass-Session")]).toEqual([
      { at_provider: true, return_to: "/bye" },
      sid,
    ]);
  });

  it("stays on the page where the session did not begin at one", async () => {
    const { account, session } = await world();
    const navigate = vi.fn();
    await settled(account.signOutAtProvider({ navigate }));
    expect(navigate).not.toHaveBeenCalled();
    expect(session.getSnapshot().reason).toBe("signed-out");
  });

  it("signs out here also without a network, and says so", async () => {
    const { account, profile, session } = await world();
    profile.offline = true;
    await expect(settled(account.signOutAtProvider())).rejects.toMatchObject({ kind: "network" });
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "signed-out" });
  });

  it("is nothing without a session", async () => {
    const { account, server, session } = await world();
    await settled(session.signOut());
    const before = server.requests.length;
    await settled(account.signOutAtProvider());
    expect(server.requests.length).toBe(before);
  });
});
