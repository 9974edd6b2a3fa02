import { Link } from "react-router";
import { personOf } from "../pages.server";
import type { Route } from "./+types/home";

/** For everybody, and different for a person. */
export function loader({ context }: Route.LoaderArgs) {
  return { isSignedIn: personOf(context) !== null };
}

export default function Home({ loaderData }: Route.ComponentProps) {
  return (
    <main>
      <h1>Notes</h1>
      <p>{loaderData.isSignedIn ? <Link to="/notes">Your notes</Link> : <Link to="/sign-in">Sign in</Link>}</p>
    </main>
  );
}
