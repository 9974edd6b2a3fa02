/**
 * A thief copies the card: what becomes of thief and owner here, and at sites of two other kinds.
 *
 * Here the owner is this page. The owners of the other sites are played by the server, so that no lesson signs anybody
 * out.
 */

import { session } from "../gate";
import { networkFetch } from "../network";
import type { Description } from "../store/describe";

/** How a site treats a copied card. */
export type Site = "gatepass" | "careful" | "common";

/** What a party got when it showed its card. */
export interface Step {
  readonly who: "thief" | "owner";
  readonly isIn: boolean;
}

export interface Lesson {
  readonly site: Site;
  readonly steps: readonly Step[];
}

export const SITES: Record<Site, { label: string; sentences: readonly string[]; headline: string }> = {
  gatepass: {
    label: "This site, with Gatepass",
    headline: "The thief got nothing",
    sentences: [
      "The thief has an exact copy of your card.",
      "It opens nothing: the card works only together with a key that never leaves this browser.",
      "You go on as before; nobody signs you out.",
      "The site has noted the attempt and can tell you of it.",
    ],
  },
  careful: {
    label: "A careful site without such a key",
    headline: "Both are out",
    sentences: [
      "The thief has an exact copy of your card.",
      "The thief comes first and is let in.",
      "Then you come: the site sees that there are two of you, and shuts both out.",
      "You sign in again; what the thief did until then is done.",
    ],
  },
  common: {
    label: "Most sites",
    headline: "The thief is in, and you are out",
    sentences: [
      "The thief has an exact copy of your card.",
      "The thief comes first and is let in.",
      "Your own card is an old one now: you have to sign in again, and are not told why.",
      "The thief stays in, often for weeks.",
    ],
  },
};

/** Lets the thief try. Rejects if the server cannot be reached. */
export async function play(site: Site): Promise<Lesson> {
  const steps = await show(site);
  if (site !== "gatepass") return { site, steps };
  await session.refresh();
  const owner: Step = { who: "owner", isIn: session.getSnapshot().status === "active" };
  // A browser that cannot keep a key is no better off than with a careful site.
  const isBound = steps.every((step) => !step.isIn);
  return { site: isBound ? site : "careful", steps: [...steps, owner, ...(await show("again"))] };
}

/** What the log-book says of it. */
export function describeLesson({ site }: Lesson): Description {
  const { headline, sentences } = SITES[site];
  return {
    headline,
    detail: sentences.slice(1, 3).join(" "),
    tone: site === "gatepass" ? "refresh" : "trouble",
    promise: "P2",
  };
}

async function show(site: Site | "again"): Promise<Step[]> {
  const response = await networkFetch(`/demo/thief/${site}`, { method: "POST", headers: { "Gatepass-Client": "1" } });
  if (!response.ok) throw new Error(`The thief could not try (${response.status}).`);
  const { steps } = (await response.json()) as { steps: { who: Step["who"]; status: number }[] };
  return steps.map(({ who, status }) => ({ who, isIn: status === 200 }));
}
