"use client";

import { useSession } from "gatepass/react";
import { useRouter } from "next/navigation";
import { api } from "../../lib/session";

/** Changes go from the browser to the API, with the access token; then the server renders the page anew. */
export function AddNote() {
  const router = useRouter();
  const isReady = useSession(({ status }) => status === "active");
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
