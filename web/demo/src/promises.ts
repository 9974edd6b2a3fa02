/** The eight promises of the protocol, in a sentence each. */

import type { PromiseId } from "./store/describe";

export const PROMISES: Record<PromiseId, { title: string; text: string }> = {
  P1: {
    title: "No false logout",
    text: "Lost answers, many tabs, crashes, bad networks: a browser that keeps its card and key stays signed in.",
  },
  P2: {
    title: "A stolen card is worthless",
    text: "Who shows a copy without the key of your browser gets nothing, and you are not disturbed but told.",
  },
  P3: { title: "No forks", text: "One line of cards. The use of any branch kills the others." },
  P4: {
    title: "Revocation is immediate",
    text: "A session that ended is refused at every guard, however fresh its pass.",
  },
  P5: {
    title: "Knowing an id is harmless",
    text: "Only a genuine card or pass can change a session; garbage is turned away at the door.",
  },
  P6: {
    title: "Reading the database does not help",
    text: "It holds neither cards nor keys, nor anything to make them from.",
  },
  P7: {
    title: "One row per session",
    text: "Nothing is stored per refresh, and an old card is recognised all the same.",
  },
  P8: { title: "Logout wins", text: "A refresh in flight never brings back a session that was ended meanwhile." },
};
