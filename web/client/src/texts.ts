/**
 * What problem codes say to people, in six languages. A page has only those that it imports.
 *
 *     import { de, textOf } from "gatepass/texts";
 *
 *     catch (error) { show(textOf(error, de)); }     // "Zu viele Versuche. Bitte versuche es in 30 Sekunden noch einmal."
 */

import { failureOf } from "./errors.js";
import type { Texts } from "./texts/texts.js";

export { de } from "./texts/de.js";
export { en } from "./texts/en.js";
export { es } from "./texts/es.js";
export { fr } from "./texts/fr.js";
export { pt } from "./texts/pt.js";
export type { Texts } from "./texts/texts.js";
export { zh } from "./texts/zh.js";

/** From here on people are told minutes. s */
const MINUTES_FROM = 90;

/**
 * The sentence for a failed request: an error of `gatepass/fetch`, of Axios, or of a session.
 *
 * For a code of the application's own rules (`app:…`) it is the `detail` that the application wrote.
 */
export function textOf(error: unknown, { codes, failures, seconds, minutes }: Texts): string {
  const { kind, code = "", detail, retryAfterMs = 60_000 } = failureOf(error);
  if (code.startsWith("app:") && detail) return detail;
  const text = (codes as Readonly<Record<string, string>>)[kind === "session-ended" ? kind : code];
  const wait = retryAfterMs / 1_000;
  const [[one, several], size] = wait < MINUTES_FROM ? [seconds, 1] : [minutes, 60];
  const count = Math.max(1, Math.ceil(wait / size));
  const words = count > 1 ? several.replace("{n}", `${count}`) : one;
  return (text ?? failures[kind === "network" || kind === "timeout" ? kind : "other"]).replace("{wait}", words);
}
