/**
 * The buttons that demonstrate each promise: their texts, the promise, and what they do.
 *
 * The larger ones are files of scenes/. They use the same calls as any page. The endpoints under /demo/ exist only in the demo.
 */

import { api, session } from "./gate";
import { cutNetwork } from "./network";
import { EVERYWHERE } from "./scenes/everywhere";
import type { Experiment } from "./scenes/experiment";
import type { Dispatch } from "./store";
import { loadNotes } from "./store/notes";
import { networkSwitched, noticeOf } from "./store/ui";

export interface Group {
  title: string;
  experiments: Experiment[];
}

const MANY = 50;
/** A younger access token (ms) is not refreshed after a 401; a little more than the 5 s of the protocol. */
const YOUNG = 5_100;

/** Makes a call whose error is expected and shown in the log-book. */
async function call(url: string): Promise<void> {
  await api.get(url).catch(() => undefined);
}

/** Makes the server refuse the access token, once that is old enough for a refusal to cause a refresh. */
async function voidPass(dispatch: Dispatch): Promise<void> {
  const { expiresAt, lifetime } = session.getSnapshot();
  const age = performance.now() - ((expiresAt ?? 0) - (lifetime ?? 0));
  if (age < YOUNG) {
    dispatch(
      noticeOf({
        headline: "One moment…",
        detail: "This pass is brand-new. A refusal of so young a pass is no matter of age, so no refresh would follow.",
        tone: "pending",
        promise: null,
      }),
    );
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

/** The second refresh is the one that the next call would start. */
async function loseAnswer(): Promise<void> {
  await api.post("/demo/lose-next-refresh");
  await session.refresh();
  await session.refresh();
}

async function openTab(dispatch: Dispatch): Promise<void> {
  window.open(window.location.href, "_blank", "noopener");
  dispatch(
    noticeOf({
      headline: "A second tab is open",
      detail: "It shares the card, not the pass. Whichever tab refreshes first hands the new pass to the other.",
      tone: "calm",
      promise: "P1",
    }),
  );
}

/** Disconnects or reconnects this tab, and makes one call to show the effect. */
export async function switchNetwork(dispatch: Dispatch, isOffline: boolean): Promise<void> {
  cutNetwork(isOffline);
  dispatch(networkSwitched(isOffline));
  await call("/api/me");
}

/** Statuses of error responses. */
export const STATUSES = [404, 429, 500, 503] as const;

/** The experiment that requests one of them. */
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
    experiments: [EVERYWHERE],
  },
];
