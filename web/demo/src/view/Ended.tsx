/** Shown when the session has ended, with the reason. */

import type { EndReason } from "gatepass";
import { useEffect, useRef } from "react";

import { useStore } from "../store";
import { Broken } from "./icons";

const WORDS: Record<EndReason, { title: string; text: string }> = {
  reused: {
    title: "Two holders used the same membership card",
    text: "A copy of your card was used somewhere else. The server cannot tell which holder is you, so the card is void for both, and every pass with it. Sign in again to get a new card; the copy opens nothing any more.",
  },
  revoked: {
    title: "This session was ended",
    text: "It was signed out from another device or tab, or the password was changed. Every guard refuses its passes from that moment on.",
  },
  expired: {
    title: "The membership card ran out",
    text: "It had not been used for too long, or the session had reached its last day. Nothing was wrong; sign in again to go on.",
  },
  replaced: {
    title: "A newer sign-in took its place",
    text: "There was a new sign-in in this browser, which replaced the earlier session. There is one card per wallet.",
  },
  unproven: {
    title: "This browser has lost its key",
    text: "The card is still here, but not the key that it works with: this site's data was cleared, perhaps. Sign in again to get both anew.",
  },
  "cookie-lost": {
    title: "The membership card is gone",
    text: "This browser has it no more: cookies were cleared or blocked, or another page of this host has deleted it. Sign in again to get a new one.",
  },
  "signed-out": {
    title: "You are signed out",
    text: "You signed out, here or in another tab. The pass is gone from this page, and the card is void as soon as the server hears of it.",
  },
  unknown: {
    title: "The server does not know this card",
    text: "It may have been issued by another server, or long ago. Sign in again to get a new one.",
  },
};

/** Those that the page has found out itself. */
const OWN_REASONS: readonly EndReason[] = ["signed-out", "unproven", "cookie-lost"];

export function Ended({ reason }: { reason: EndReason }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const notice = useStore((state) => state.ui.notice);
  // The page has changed without an action of the visitor: move the focus to the reason.
  useEffect(() => heading.current?.focus(), []);

  const { title, text } = WORDS[reason];
  return (
    <div className="ended" data-reason={reason}>
      <Broken />
      <h2 ref={heading} tabIndex={-1}>
        {title}
      </h2>
      <p className="lead">{text}</p>
      {notice?.evidence === reason && (
        <p className="evidence">
          <strong>{notice.headline}.</strong> {notice.detail}
        </p>
      )}
      {!OWN_REASONS.includes(reason) && (
        <p className="aside">
          Reason given by the server: <code>{reason}</code>
        </p>
      )}
    </div>
  );
}
