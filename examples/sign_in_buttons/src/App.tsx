import { isGatepassError, type Session } from "gatepass";
import type { AccountActions, Identity } from "gatepass/account";
import { failureOf } from "gatepass/errors";
import { type SignInErrorCode, signInWith } from "gatepass/providers";
import { SessionProvider, useSession } from "gatepass/react";
import { useCallback, useEffect, useRef, useState } from "react";

/** The names of the providers at the server, and as people know them. */
const PROVIDERS = { google: "Google", microsoft: "Microsoft" };
const NAMES = Object.entries(PROVIDERS);

const SENTENCES: Record<string, string> = {
  "access-denied": "You did not sign in there.",
  "provider-unavailable": "That provider does not answer. Try again, or choose another one.",
  "sign-in-expired": "That took too long. Try again.",
  "email-required": "That provider does not tell us your address. Choose another one.",
  "email-unverified": "Your address is not verified there. Verify it, or choose another provider.",
  "link-required": "You have an account with this address. Sign in as before, then link this provider.",
  "registration-closed": "You have no account here.",
  "account-disabled": "Your account is disabled.",
  "identity-taken": "That belongs to another account here.",
  "last-way-in": "This is your only way in. Link another provider first.",
  "insufficient-user-authentication": "Sign in again first, please.",
};
const sentenceOf = (code = "") => SENTENCES[code] ?? "That did not work. Try again.";

export interface Props {
  session: Session;
  account: AccountActions;
  /** What `takeSignInError` returned when the page was loaded. */
  error: SignInErrorCode | null;
}

export function App(props: Props) {
  return (
    <SessionProvider session={props.session}>
      <main>
        <h1>Hello</h1>
        <Page {...props} />
      </main>
    </SessionProvider>
  );
}

function Page({ session, account, error }: Props) {
  const status = useSession(({ status }) => status);
  const [code, setCode] = useState<string | null | undefined>(error);
  const [going, setGoing] = useState<string | null>(null);
  /** Runs what a button does. Until it is done, the button says so. */
  const run = async (button: string, act: () => Promise<void>) => {
    if (going) return;
    setGoing(button);
    setCode(null);
    await act().catch((caught) => setCode(isGatepassError(caught) ? (failureOf(caught).code ?? caught.kind) : ""));
    setGoing(null);
  };
  const isIn = status === "active" || status === "degraded";
  const isAgain = isIn && code === "insufficient-user-authentication";
  return (
    <>
      <Alert text={code === null || code === undefined ? "" : sentenceOf(code)} />
      {status === "unknown" && <p>One moment …</p>}
      {((!isIn && status !== "unknown") || isAgain) &&
        NAMES.map(([name, label]) => (
          <Button key={name} going={going} run={run} act={() => signInWith(session, name)}>
            {`Sign in with ${label}`}
          </Button>
        ))}
      {isIn && <Account account={account} going={going} run={run} />}
    </>
  );
}

/** Speaks as soon as it has a text. An error of the way back takes the focus, so that the keyboard begins here. */
function Alert({ text }: { text: string }) {
  const element = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (text) element.current?.focus();
  }, [text]);
  return (
    <p role="alert" ref={element} tabIndex={-1}>
      {text}
    </p>
  );
}

interface Acting {
  going: string | null;
  run: (button: string, act: () => Promise<void>) => Promise<void>;
}

/** Keeps the focus while it works: `disabled` would lose it. */
function Button({ children, act, going, run }: Acting & { children: string; act: () => Promise<void> }) {
  const isBusy = going === children;
  return (
    <button type="button" aria-disabled={going !== null} aria-busy={isBusy} onClick={() => void run(children, act)}>
      {children}
    </button>
  );
}

function Account({ account, ...acting }: Acting & { account: AccountActions }) {
  const { account: known, signOut } = useSession();
  const [identities, setIdentities] = useState<readonly Identity[]>([]);
  const load = useCallback(() => account.identities().then(setIdentities, () => undefined), [account]);
  useEffect(() => void load(), [load]);
  const unlinked = NAMES.filter(([name]) => identities.every(({ provider }) => provider !== name));
  return (
    <>
      <p role="status">{known?.email}</p>
      <h2 id="ways">Ways to sign in</h2>
      <ul aria-labelledby="ways">
        {identities.map(({ id, provider, email: address }) => (
          <li key={id}>
            {address || provider}{" "}
            <Button {...acting} act={() => account.unlink(id).then(load)}>
              {`Unlink ${PROVIDERS[provider as keyof typeof PROVIDERS] ?? provider}`}
            </Button>
          </li>
        ))}
      </ul>
      {unlinked.map(([name, label]) => (
        <Button key={name} {...acting} act={() => account.link(name)}>
          {`Link ${label}`}
        </Button>
      ))}
      <Button {...acting} act={signOut}>
        Sign out
      </Button>
      <Button {...acting} act={() => account.signOutAtProvider()}>
        Sign out there too
      </Button>
    </>
  );
}
