import type { Session } from "gatepass";
import { failureOf } from "gatepass/errors";
import type { Client } from "gatepass/fetch";
import { SessionProvider, useSession } from "gatepass/react";
import { type FormEvent, useEffect, useState } from "react";

interface Note {
  id: number;
  text: string;
}

export function App({ session, api }: { session: Session; api: Client }) {
  return (
    <SessionProvider session={session}>
      <h1>Notes</h1>
      <Page api={api} />
    </SessionProvider>
  );
}

function Page({ api }: { api: Client }) {
  const { status, account, signOut } = useSession();
  if (status === "unknown") return <p>One moment …</p>;
  if (status === "anonymous" || status === "ended") return <SignIn />;
  return (
    <>
      <p role="status">{status === "degraded" ? "No connection at the moment." : account?.email}</p>
      <Notes api={api} />
      <button type="button" onClick={() => void signOut()}>
        Sign out
      </button>
    </>
  );
}

const SENTENCES: Record<string, string> = {
  "invalid-credentials": "Wrong address or password.",
  "email-taken": "This address has an account. Sign in, or choose another address.",
  "password-too-short": "At least 15 characters: a few words are easiest to remember.",
  "password-blocklisted": "Attackers try this password first. Choose another one.",
  "password-contains-context": "The password must not be made from your address.",
  "too-many-attempts": "Too many attempts. Wait a little.",
};

function SignIn() {
  const { signIn, signUp } = useSession();
  const [fault, setFault] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const isNew = (event.nativeEvent as SubmitEvent).submitter?.getAttribute("value") === "new";
    const credentials = { email: String(form.get("email")), password: String(form.get("password")) };
    try {
      await (isNew ? signUp(credentials) : signIn(credentials));
    } catch (error) {
      setFault(SENTENCES[failureOf(error).code ?? ""] ?? "The server cannot be reached.");
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <label>
        E-mail <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button type="submit">Sign in</button>
      <button type="submit" value="new">
        Create an account
      </button>
      <p role="alert">{fault}</p>
    </form>
  );
}

function Notes({ api }: { api: Client }) {
  const [notes, setNotes] = useState<Note[]>([]);
  useEffect(() => {
    const leaving = new AbortController();
    void api.get<Note[]>("/notes", { signal: leaving.signal }).then(({ data }) => setNotes(data), console.error);
    return () => leaving.abort();
  }, [api]);
  const add = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { data } = await api.post<Note>("/notes", { text: String(new FormData(form).get("text")) });
    setNotes((earlier) => [...earlier, data]);
    form.reset();
  };
  return (
    <>
      <ul>
        {notes.map(({ id, text }) => (
          <li key={id}>{text}</li>
        ))}
      </ul>
      <form onSubmit={(event) => void add(event)}>
        <label>
          New note <input name="text" required />
        </label>
        <button type="submit">Add</button>
      </form>
    </>
  );
}
