import { headers } from "next/headers";
import Link from "next/link";
import { pages } from "../lib/pages";

/** For everybody, and different for a person. */
export default async function Home() {
  const principal = await pages.principal(await headers());
  return (
    <main>
      <h1>Notes</h1>
      <p>{principal ? <Link href="/notes">Your notes</Link> : <Link href="/sign-in">Sign in</Link>}</p>
    </main>
  );
}
