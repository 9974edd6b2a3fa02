/** Who a page is rendered for. SvelteKit keeps `$lib/server` out of the browser's build. */

import { error, type RequestEvent, redirect } from "@sveltejs/kit";
import { createPageReader, type Principal } from "gatepass/server";
import { env } from "$env/dynamic/private";

const API = env.API_URL ?? "http://127.0.0.1:8000";

export const pages = createPageReader({
  baseURL: `${env.ORIGIN ?? "http://localhost:3000"}/auth`,
  internalURL: `${API}/auth`,
});

/** The person of a page that is for this person alone. */
export function requirePerson({ locals: { page }, url }: Pick<RequestEvent, "locals" | "url">): Principal {
  if (page.status === "lost") error(500, "The page cookie is not accepted; the log says why.");
  if (page.principal) return page.principal;
  redirect(303, signIn(url));
}

/** A GET to the API for the person of a page. */
export async function read<Value>(
  path: string,
  { request, url }: Pick<RequestEvent, "request" | "url">,
): Promise<Value> {
  const response = await fetch(API + path, { headers: await pages.headers(request) });
  if (response.status === 401) redirect(303, pages.refused(request, url).resumeURL ?? signIn(url));
  if (!response.ok) error(502, `The API answered ${response.status}.`);
  return (await response.json()) as Value;
}

function signIn({ pathname, search }: URL): string {
  return `/sign-in?next=${encodeURIComponent(pathname + search)}`;
}
