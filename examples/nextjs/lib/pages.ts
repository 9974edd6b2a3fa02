/** Who a page is rendered for. Server components and `proxy.ts` use it; the browser never does. */

import { createPageReader, type Principal } from "gatepass/server";
import { headers } from "next/headers";
import { redirect } from "next/navigation";

const API = process.env.API_URL ?? "http://127.0.0.1:8000";

export const pages = createPageReader({
  baseURL: `${process.env.PUBLIC_URL ?? "http://localhost:3000"}/auth`,
  internalURL: `${API}/auth`,
});

/** The person of a page at `path`, however often it is asked for while the page is rendered. */
export async function requirePerson(path: string): Promise<Principal> {
  const page = await pages.read(await headers(), path);
  if (page.status === "lost") throw new Error("The page cookie is not accepted; the log says why.");
  return page.principal ?? redirect(page.resumeURL ?? signIn(path));
}

/** A GET to the API for the person of a page at `path`. */
export async function read<Value>(url: string, path: string): Promise<Value> {
  const request = await headers();
  const response = await fetch(API + url, { headers: await pages.headers(request), cache: "no-store" });
  if (response.status === 401) redirect(pages.refused(request, path).resumeURL ?? signIn(path));
  if (!response.ok) throw new Error(`The API answered ${response.status}.`);
  return (await response.json()) as Value;
}

function signIn(next: string): string {
  return `/sign-in?next=${encodeURIComponent(next)}`;
}
