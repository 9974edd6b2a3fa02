/** How a response of fetch refuses the token that was sent: as a 401, or within a GraphQL answer. */

import { parse } from "../session/endpoints.js";
import { type Refusal, refusalOf } from "./deliver.js";

/** Null but for a 401. Leaves its body to the caller. */
export async function refusalIn(response: Response): Promise<Refusal> {
  if (response.status !== 401) return null;
  return refusalOf(response.headers.get("WWW-Authenticate"), await response.clone().text());
}

interface GraphQLAnswer {
  readonly data?: object | null;
  readonly errors?: readonly { readonly extensions?: { readonly code?: unknown } }[];
}

/**
 * For `createFetch({ isRefused })`: whether a GraphQL answer has an error with the code `UNAUTHENTICATED`.
 *
 * False for a mutation of which any part was done, as it would be done twice, and for answers that are not JSON
 * (`multipart/mixed`, `text/event-stream`), which go through as they come.
 */
export async function graphqlRefused(response: Response, sent: () => Request): Promise<boolean> {
  if (!/[/+]json\b/i.test(response.headers.get("Content-Type") ?? "")) return false;
  const answers = [parse(await response.text())].flat() as (GraphQLAnswer | null)[];
  const isRefused = answers.some((one) =>
    one?.errors?.some?.(({ extensions }) => extensions?.code === "UNAUTHENTICATED"),
  );
  if (!isRefused) return false;
  const isDone = answers.some((one) => Object.values(one?.data ?? {}).some((value) => value !== null));
  return !isDone || isQuery(sent());
}

/** Whether it is certain to hold no mutation: a persisted one does not show what it is. */
async function isQuery(request: Request): Promise<boolean> {
  if (request.method === "GET") return true;
  const operations = [parse(await request.text())].flat();
  return operations.every((one) => typeof one?.query === "string" && !/\bmutation\b/.test(one.query));
}
