/** Who a page is rendered for. The name of the file keeps it out of the browser's build. */

import { createPageReader, keepPrivate, type Page, type Principal } from "gatepass/server";
import {
  createContext,
  type MiddlewareFunction,
  type RouterContextProvider,
  redirect,
  redirectDocument,
} from "react-router";

const API = process.env.API_URL ?? "http://127.0.0.1:8000";

export const pages = createPageReader({
  baseURL: `${process.env.PUBLIC_URL ?? "http://localhost:3000"}/auth`,
  internalURL: `${API}/auth`,
});

type Context = Readonly<RouterContextProvider>;
const pageContext = createContext<Page>();

/**
 * Before all loaders of a page: a person whose page cookie has run out goes to the resume page, which comes back. It is no
 * page of this router, so the whole document goes there, also where only the data of a page was asked for.
 */
export const readPage: MiddlewareFunction<Response> = async ({ request, context }, next) => {
  const page = await pages.read(request);
  if (page.status === "resume") throw redirectDocument(page.resumeURL, 303);
  context.set(pageContext, page);
  const response = await next();
  keepPrivate(response.headers);
  return response;
};

export function personOf(context: Context): Principal | null {
  return context.get(pageContext).principal;
}

/** The person of a page that is for this person alone. */
export function requirePerson(context: Context, request: Request): Principal {
  const page = context.get(pageContext);
  if (page.status === "lost") throw new Response("The page cookie is not accepted; the log says why.", { status: 500 });
  if (page.principal) return page.principal;
  throw redirect(signIn(request));
}

/** A GET to the API for the person of a page. */
export async function read<Value>(url: string, request: Request): Promise<Value> {
  const response = await fetch(API + url, { headers: await pages.headers(request) });
  if (response.status === 401) throw redirectDocument(pages.refused(request).resumeURL ?? signIn(request), 303);
  if (!response.ok) throw new Response(`The API answered ${response.status}.`, { status: 502 });
  return (await response.json()) as Value;
}

function signIn({ url }: Request): string {
  const { pathname, search } = new URL(url);
  return `/sign-in?next=${encodeURIComponent(pathname + search)}`;
}
