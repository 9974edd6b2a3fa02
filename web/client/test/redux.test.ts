import { combineReducers, configureStore, type UnknownAction } from "@reduxjs/toolkit";
import { describe, expect, it } from "vitest";

import {
  isAccountChange,
  isSessionChanged,
  selectAccount,
  selectSession,
  sessionMiddleware,
  sessionReducer,
} from "../src/redux.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { ANN, BOB, open, signedIn } from "./fake/world.js";

useFakeClock();

describe("the Redux slice", () => {
  it("follows the session from the store's first moment", async () => {
    const { profile } = await signedIn();
    const session = open(profile.tab());
    const store = configureStore({
      reducer: { session: sessionReducer },
      middleware: (standard) => standard().concat(sessionMiddleware(session)),
    });
    expect(selectSession(store.getState()).status).toBe("unknown");
    await pass(1);
    expect(selectSession(store.getState())).toBe(session.getSnapshot());
    expect(selectSession(store.getState())).toMatchObject({ status: "active", account: { email: "ann@example.com" } });
    await settled(session.signOut());
    await pass(0);
    expect(selectSession(store.getState())).toMatchObject({ status: "ended", reason: "signed-out" });
  });

  it("lets other actions through and does not change for them", async () => {
    const { session } = await signedIn();
    const store = configureStore({
      reducer: {
        session: sessionReducer,
        count: (count: number = 0, action: { type: string }) => (action.type === "add" ? count + 1 : count),
      },
      middleware: (standard) => standard().concat(sessionMiddleware(session)),
    });
    await pass(0);
    const before = store.getState().session;
    store.dispatch({ type: "add" });
    expect(store.getState()).toMatchObject({ count: 1 });
    expect(store.getState().session).toBe(before);
  });

  it("lets a root reducer forget the last person, and nothing when the same one goes on", async () => {
    const { session } = await signedIn();
    const root = combineReducers({
      session: sessionReducer,
      notes: (notes: string[] = [], action: UnknownAction) => (action.type === "noted" ? [...notes, "mine"] : notes),
    });
    const store = configureStore({
      reducer: (state: ReturnType<typeof root> | undefined, action: UnknownAction) =>
        root(
          state && isAccountChange(state, action) ? { session: state.session, notes: undefined as never } : state,
          action,
        ),
      middleware: (standard) => standard().concat(sessionMiddleware(session)),
    });
    await pass(0);
    store.dispatch({ type: "noted" });
    await settled(session.signIn(ANN));
    await settled(session.refresh());
    expect(store.getState().notes).toEqual(["mine"]);
    await settled(session.signIn(BOB));
    await pass(0);
    expect(store.getState()).toMatchObject({ notes: [], session: { account: { email: BOB.email } } });
    store.dispatch({ type: "noted" });
    await settled(session.signOut());
    await pass(0);
    expect(store.getState().notes).toEqual([]);
    expect([{ type: "gatepass/changed" }, { type: "noted" }, null].map(isSessionChanged)).toEqual([true, false, false]);
  });

  it("stops following when it is detached, and a second store starts afresh", async () => {
    const { session } = await signedIn();
    const make = () => {
      const middleware = sessionMiddleware(session);
      const store = configureStore({
        reducer: { session: sessionReducer },
        middleware: (standard) => standard().concat(middleware),
      });
      return { store, middleware };
    };
    const [old, fresh] = [make(), make()];
    await pass(0);
    expect(selectAccount(old.store.getState())?.email).toBe("ann@example.com");
    old.middleware.detach();
    await settled(session.signOut());
    await pass(0);
    expect(selectSession(old.store.getState()).status).toBe("active");
    expect(selectSession(fresh.store.getState()).status).toBe("ended");
    expect(selectAccount(fresh.store.getState())).toBeNull();
  });
});
