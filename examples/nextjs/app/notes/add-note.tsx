"use client";

import { useSession } from "gatepass/react";
import { useRouter } from "next/navigation";
import { useEffect } from "react";
import { api } from "../../lib/session";

/** Changes go from the browser to the API, with the access token; then the server renders the page anew. */
export function AddNote() {
  const router = useRouter();
  const status = useSession((snapshot) => snapshot.status);
  const isReady = status === "active";
  // The session ended while this page was under way: there is none here that could end, so `onEnded` is not called.
  useEffect(() => {
    if (status === "anonymous") location.reload();
  }, [status]);
  const add = async (form: FormData) => {
    await api.post("/notes", { text: form.get("text") });
    router.refresh();
  };
  return (
    <form action={add}>
      <input name="text" aria-label="Note" required />
      <button type="submit" disabled={!isReady}>
        Add
      </button>
    </form>
  );
}
