/** Before a page is rendered: a person whose page cookie has run out is sent to the resume page, which comes back. */

import { type NextRequest, NextResponse } from "next/server";
import { pages } from "./lib/pages";

export async function proxy(request: NextRequest): Promise<NextResponse> {
  const { status, resumeURL } = await pages.read(request);
  return status === "resume" && resumeURL ? NextResponse.redirect(resumeURL, 303) : NextResponse.next();
}

/** Pages alone: what a script loads is not sent elsewhere. */
export const config = { matcher: ["/((?!auth/|api/|_next/|favicon.ico).*)"] };
