import { useSession } from "gatepass/react";
import { type FormEvent, useEffect, useState } from "react";
import { useRevalidator } from "react-router";
import { read, requirePerson } from "../pages.server";
import { api, session } from "../session";
import type { Route } from "./+types/notes";

export async function loader({ context, request }: Route.LoaderArgs) {
  const { accountId } = requirePerson(context, request);
  return { accountId, notes: await read<string[]>("/api/notes", request) };
}

export default function Notes({ loaderData }: Route.ComponentProps) {
  const { revalidate } = useRevalidator();
  const [text, setText] = useState("");
  const status = useSession((snapshot) => snapshot.status);
  const isReady = status === "active";
  // The session ended while this page was under way: there is none here that could end, so `onEnded` is not called.
  useEffect(() => {
    if (status === "anonymous") location.reload();
  }, [status]);
  // Changes go from the browser to the API, with the access token; then the server is asked for the page's data anew.
  const add = async (event: FormEvent) => {
    event.preventDefault();
    await api.post("/notes", { text });
    setText("");
    await revalidate();
  };
  // Where the browser goes then is the affair of `onEnded`: a second navigation here would race with that one.
  const signOut = () => void session.signOut();
  return (
    <main>
      <h1>Notes</h1>
      <p id="person">{loaderData.accountId}</p>
      <p id="count">{loaderData.notes.length}</p>
      <ul>
        {loaderData.notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
      <form onSubmit={add}>
        <input aria-label="Note" value={text} onChange={(event) => setText(event.target.value)} required />
        <button type="submit" disabled={!isReady}>
          Add
        </button>
      </form>
      <button type="button" onClick={signOut} disabled={!isReady}>
        Sign out
      </button>
    </main>
  );
}
