/**
 * The buttons that make each promise visible: what they say, what is promised, and what they do.
 *
 * Each uses the same calls as any page would; the levers under /demo/ exist in the demo alone.
 */

import { api, session } from "./gate";
import { cutNetwork, networkFetch } from "./network";
import type { Dispatch } from "./store";
import type { Description, PromiseId } from "./store/describe";
import { loadNotes } from "./store/notes";
import { networkSwitched, noticed } from "./store/ui";

export interface Experiment {
  id: string;
  label: string;
  see: string;
  promise: PromiseId | null;
  isDanger?: true;
  run: (dispatch: Dispatch) => Promise<void>;
}

export interface Group {
  title: string;
  experiments: Experiment[];
}

const MANY = 50;
/** The loop guard: younger passes (ms) are not refreshed upon a 401; a little more than the 5 s of the protocol. */
const YOUNG = 5_100;

/** An answer that is an error is what these buttons are for; the log-book tells of it. */
async function call(url: string): Promise<void> {
  await api.get(url).catch(() => undefined);
}

function tell(dispatch: Dispatch, description: Description): void {
  dispatch(noticed({ ...description, at: performance.now() }));
}

/** Have the server refuse this pass, once it is old enough for a refusal to be answered by a refresh. */
async function voidPass(dispatch: Dispatch): Promise<void> {
  const { expiresAt, lifetime } = session.getSnapshot();
  const age = performance.now() - ((expiresAt ?? 0) - (lifetime ?? 0));
  if (age < YOUNG) {
    tell(dispatch, {
      headline: "One moment…",
      detail: "This pass is brand-new. A refusal of so young a pass is no matter of age, so no refresh would follow.",
      tone: "pending",
      promise: null,
    });
    await new Promise((resolve) => setTimeout(resolve, YOUNG - age));
  }
  await api.post("/demo/expire-pass");
}

async function expirePass(dispatch: Dispatch): Promise<void> {
  await voidPass(dispatch);
  await dispatch(loadNotes());
}

async function callMany(dispatch: Dispatch): Promise<void> {
  await voidPass(dispatch);
  await Promise.all(Array.from({ length: MANY }, (_, index) => call(`/api/ping?n=${index + 1}`)));
}

/** The second refresh is what the next call in need of a pass would begin; it is not left to wait for one. */
async function loseAnswer(): Promise<void> {
  await api.post("/demo/lose-next-refresh");
  await session.refresh();
  await session.refresh();
}

async function openTab(dispatch: Dispatch): Promise<void> {
  window.open(window.location.href, "_blank", "noopener");
  tell(dispatch, {
    headline: "A second tab is open",
    detail: "It shares the card, not the pass. Whichever tab refreshes first hands the new pass to the other.",
    tone: "calm",
    promise: "P1",
  });
}

async function robCard(dispatch: Dispatch): Promise<void> {
  await api.post("/demo/thief", null, { headers: { "Gatepass-Client": "1" } });
  await session.refresh();
  const again = await networkFetch("/demo/thief/again", { method: "POST", headers: { "Gatepass-Client": "1" } });
  if (!again.ok) return;
  const { thief_status: status } = (await again.json()) as { thief_status: number };
  tell(dispatch, {
    headline: "Both holders are out",
    detail: `The thief tried the stolen card once more: ${status}, session ended. Neither copy opens anything now.`,
    tone: "trouble",
    promise: "P2",
  });
}

async function leaveEverywhere(): Promise<void> {
  await session.signOut({ everywhere: true });
}

/** Cut or mend this tab's connection, and make one call to show what that means. */
export async function switchNetwork(dispatch: Dispatch, isOffline: boolean): Promise<void> {
  cutNetwork(isOffline);
  dispatch(networkSwitched(isOffline));
  await call("/api/me");
}

/** The answers that an application may give beside 200. */
export const STATUSES = [404, 429, 500, 503] as const;

/** A button's worth of one such answer. */
export function answering(status: number): Experiment {
  return {
    id: `status-${status}`,
    label: String(status),
    see: "",
    promise: null,
    run: () => call(`/api/status/${status}`),
  };
}

export const GROUPS: Group[] = [
  {
    title: "The pass",
    experiments: [
      {
        id: "expire",
        label: "Expire my pass now",
        see: "The server refuses the old pass. One silent refresh, the same call again, and your notes are there.",
        promise: "P1",
        run: expirePass,
      },
      {
        id: "fifty",
        label: `${MANY} calls at once`,
        see: `All ${MANY} are refused, all ${MANY} wait for one refresh, all ${MANY} arrive.`,
        promise: "P1",
        run: callMany,
      },
    ],
  },
  {
    title: "The way",
    experiments: [
      {
        id: "lose",
        label: "Lose the next refresh answer",
        see: "The server has exchanged your card, but its answer never arrives. You stay signed in all the same.",
        promise: "P1",
        run: loseAnswer,
      },
      {
        id: "tab",
        label: "Open a second tab",
        see: "Two tabs, one card: they take turns, and one fetches the pass for both.",
        promise: "P1",
        run: openTab,
      },
    ],
  },
  {
    title: "The end",
    experiments: [
      {
        id: "thief",
        label: "A thief copies my card",
        see: "The thief refreshes with the copy, then you with the original. The session ends for both.",
        promise: "P2",
        isDanger: true,
        run: robCard,
      },
      {
        id: "everywhere",
        label: "Sign out everywhere",
        see: "Every device of this account is out at once, this one too, however fresh its pass.",
        promise: "P4",
        isDanger: true,
        run: leaveEverywhere,
      },
    ],
  },
];
