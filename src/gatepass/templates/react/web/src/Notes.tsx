/** The notes of the signed-in account. */

import type { Client } from "gatepass/fetch";
import { useSession } from "gatepass/react";
import { type SubmitEvent, useEffect, useState } from "react";

import { sentenceOf } from "./errors";

interface Note {
  id: number;
  text: string;
}

export function Notes({ api }: { api: Client }) {
  const { account, signOut } = useSession();
  const [notes, setNotes] = useState<Note[]>([]);
  const [fault, setFault] = useState("");

  async function attempt(action: () => Promise<void>) {
    setFault("");
    await action().catch((error: unknown) => setFault(sentenceOf(error)));
  }

  useEffect(() => {
    const stop = new AbortController();
    api
      .get<Note[]>("/notes", { signal: stop.signal })
      .then(({ data }) => setNotes(data))
      .catch((error: unknown) => stop.signal.aborted || setFault(sentenceOf(error)));
    return () => stop.abort();
  }, [api]);

  function add(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = new FormData(form).get("text");
    void attempt(async () => {
      const { data } = await api.post<Note>("/notes", { text });
      setNotes((known) => [...known, data]);
      form.reset();
    });
  }

  const remove = (id: number) =>
    attempt(async () => {
      await api.delete(`/notes/${id}`);
      setNotes((known) => known.filter((note) => note.id !== id));
    });

  return (
    <>
      <p>
        {account?.email}{" "}
        <button type="button" onClick={() => void attempt(signOut)}>
          Sign out
        </button>
      </p>
      <form onSubmit={add}>
        <label>
          New note
          <input name="text" maxLength={500} required />
        </label>
        <button type="submit">Add</button>
      </form>
      {fault !== "" && <p role="alert">{fault}</p>}
      <ul>
        {notes.map(({ id, text }) => (
          <li key={id}>
            {text}{" "}
            <button type="button" aria-label={`Delete: ${text}`} onClick={() => void remove(id)}>
              Delete
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
