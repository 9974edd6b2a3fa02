/**
 * A command for Cypress: a session of its own for each test, by one request.
 *
 *     // cypress/support/e2e.ts
 *     import { addCommands } from "gatepass/cypress";
 *     addCommands();
 *
 *     it("shows her notes", () => {
 *       cy.signIn("ann@example.com");
 *       cy.visit("/notes");
 *     });
 *
 * The server must run with GATEPASS_TESTING=true. Do not wrap it in `cy.session`: what that saves and restores are the
 * cookies without the key. `cy.signIn` is as fast, and each test has a session of its own.
 */

import { readAnswer, requestFor, type SignInOptions } from "./end-to-end.js";

export type { SignInOptions } from "./end-to-end.js";

/** The part of the global `Cypress` that is used here. */
export interface CypressLike {
  config(name: "baseUrl"): string | null | undefined;
  on(event: "window:before:load", act: (page: PageWindow) => void): unknown;
  readonly Commands: { add(name: string, command: (...given: never[]) => unknown): unknown };
}

interface CyLike {
  request(options: object): { then(act: (answer: { status: number; body: unknown }) => unknown): unknown };
}

interface PageWindow {
  eval(text: string): unknown;
}

/** Sessions whose keys are put into pages: a script does nothing where the cookies of its session are gone. */
const MAX_SCRIPTS = 10;

/** Adds `cy.signIn(email?, options?)`, which yields the account. `defaults` are its options. */
export function addCommands(
  defaults: SignInOptions = {},
  { Cypress, cy }: { Cypress: CypressLike; cy: CyLike } = globalThis as never,
): void {
  const scripts: string[] = [];
  let count = 0;
  Cypress.Commands.add("signIn", (email?: string, options: SignInOptions = {}) => {
    const own = email || `test-${Date.now()}-${++count}@example.com`;
    const request = requestFor(own, { ...defaults, ...options }, Cypress.config("baseUrl") ?? undefined);
    return cy.request({ ...request, method: "POST", failOnStatusCode: false, log: false }).then(({ status, body }) => {
      const { account, script } = readAnswer(request.url, status, body);
      scripts.push(script);
      scripts.splice(0, scripts.length - MAX_SCRIPTS);
      return account;
    });
  });
  Cypress.on("window:before:load", (page) => {
    for (const script of scripts) page.eval(script);
  });
}
