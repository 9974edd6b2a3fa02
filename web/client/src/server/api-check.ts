/** Asks the API about a page token, in place of checking its signature: the API knows at once that a session has ended. */

import { PageError } from "./errors.js";

/** ms, for each attempt. */
const TIMEOUT = 5_000;
/** A lost answer is no reason for a page of errors. */
const ATTEMPTS = 3;

/** Whether a GET of `url` with the token as a bearer succeeds; false for 401. Rejects with a PageError for any doubt. */
export async function isAccepted(send: typeof fetch, url: string, token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  let status: number | undefined;
  let cause: unknown;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      // Not `redirect: "error"`, which some runtimes do not know.
      const response = await send(url, { headers, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
      await response.arrayBuffer(); // else the connection is not used again
      status = response.status;
    } catch (error) {
      cause = error;
      continue;
    }
    if (status === 401) return false;
    if (status >= 200 && status < 300) return true;
  }
  const what = status === undefined ? "did not answer" : `answered ${status}`;
  throw new PageError("unavailable", `${url} ${what}. Is checkURL a GET route with page_principal?`, { cause });
}
