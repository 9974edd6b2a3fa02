import { SessionProvider } from "gatepass/react";
import { Links, Meta, Outlet, Scripts } from "react-router";
import { readPage } from "./pages.server";
import { session } from "./session";

export const middleware = [readPage];

/** With a loader at the root the middleware runs for every navigation of the router too. */
export function loader(): null {
  return null;
}

export default function Root() {
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <title>Notes</title>
        <Meta />
        <Links />
      </head>
      <body>
        <SessionProvider session={session}>
          <Outlet />
        </SessionProvider>
        <Scripts />
      </body>
    </html>
  );
}
