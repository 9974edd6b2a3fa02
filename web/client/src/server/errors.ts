/** Why a page cannot be read. */

export type PageErrorCode = "setup" | "unavailable";

/**
 * Whether a person is signed in cannot be said now, so a page must not say "signed out".
 *
 * `setup`: the options do not fit the gate; the message has the mend. `unavailable`: the gate, or `checkURL`, did not
 * answer, or not as it should; render an error page with the status 503.
 */
export class PageError extends Error {
  override readonly name = "PageError";

  constructor(
    readonly code: PageErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
