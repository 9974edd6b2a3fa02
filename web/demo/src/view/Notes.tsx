/** The visitor's notes: ordinary work during which the session is refreshed. */

import { type FormEvent, useState } from "react";

import { useAct, useStore } from "../store";
import { addNote, deleteNote } from "../store/notes";

export function Notes() {
  const dispatch = useAct();
  const { items, error } = useStore((state) => state.notes);
  const [text, setText] = useState("");

  async function add(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (text.trim() === "") return;
    // Cleared only when it is stored: a failed call must not lose the text.
    const result = await dispatch(addNote(text.trim()));
    if (addNote.fulfilled.match(result)) setText("");
  }

  return (
    <section className="panel" aria-labelledby="notes-title">
      <h2 id="notes-title">Your notes</h2>
      <p className="aside">Work behind the gate. It never asks you to sign in again.</p>
      <form className="note-form" onSubmit={(event) => void add(event)}>
        <label className="hidden" htmlFor="note">
          New note
        </label>
        <input
          id="note"
          value={text}
          maxLength={200}
          placeholder="Write a note"
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="button primary">
          Add note
        </button>
      </form>
      {error !== null && (
        <p className="fault" role="alert">
          {error}
        </p>
      )}
      <ul className="list">
        {items.map((note) => (
          <li key={note.id}>
            <span className="grow">{note.text}</span>
            <button
              type="button"
              className="button quiet small"
              aria-label={`Delete note: ${note.text}`}
              onClick={() => void dispatch(deleteNote(note.id))}
            >
              Delete
            </button>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p className="empty">No notes yet.</p>}
    </section>
  );
}
