/** Before a page is rendered: a person whose page cookie has run out is sent to the resume page, which comes back. */

import { type Handle, redirect } from "@sveltejs/kit";
import { keepPrivate } from "gatepass/server";
import { pages } from "$lib/server/pages";

export const handle: Handle = async ({ event, resolve }) => {
  // `event.url` is the page's address also where the router asks for its data alone.
  event.locals.page = await pages.read(event.request, event.url);
  if (event.locals.page.status === "resume") redirect(303, event.locals.page.resumeURL);
  const response = await resolve(event);
  keepPrivate(response.headers);
  return response;
};
