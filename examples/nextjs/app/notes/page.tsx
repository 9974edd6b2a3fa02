import { Suspense } from "react";
import { read, requirePerson } from "../../lib/pages";
import { SignOut } from "../session";
import { AddNote } from "./add-note";

const PATH = "/notes";

/** Three parts that are rendered at the same time. Each asks who the person is; the cookie is checked once. */
export default async function Notes() {
  await requirePerson(PATH); // before anything is sent: a redirect must still be possible
  return (
    <main>
      <h1>Notes</h1>
      <Suspense fallback={<p>…</p>}>
        <Greeting />
      </Suspense>
      <Suspense fallback={<p>…</p>}>
        <Count />
      </Suspense>
      <Suspense fallback={<p>…</p>}>
        <List />
      </Suspense>
      <AddNote />
      <SignOut />
    </main>
  );
}

async function Greeting() {
  const { accountId } = await requirePerson(PATH);
  return <p id="person">{accountId}</p>;
}

async function Count() {
  const notes = await read<string[]>("/api/notes", PATH);
  return <p id="count">{notes.length}</p>;
}

async function List() {
  const notes = await read<string[]>("/api/notes", PATH);
  return (
    <ul>
      {notes.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  );
}
