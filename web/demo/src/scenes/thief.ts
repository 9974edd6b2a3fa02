/** A thief copies the refresh cookie, and both holders use it. The thief is played by the server (`/demo/thief`). */

import { api, session } from "../gate";
import { networkFetch } from "../network";
import { evidenceOf } from "../store/ui";
import type { Experiment } from "./experiment";

export const THIEF: Experiment = {
  id: "thief",
  label: "A thief copies my card",
  see: "The thief refreshes with the copy, then you with the original. The session ends for both.",
  promise: "P2",
  isDanger: true,
  async run(dispatch) {
    await api.post("/demo/thief", null, { headers: { "Gatepass-Client": "1" } });
    await session.refresh();
    const again = await networkFetch("/demo/thief/again", { method: "POST", headers: { "Gatepass-Client": "1" } });
    if (!again.ok) return;
    const { thief_status: status } = (await again.json()) as { thief_status: number };
    dispatch(
      evidenceOf("reused", {
        headline: "Both holders are out",
        detail: `The thief tried the stolen card once more: ${status}, session ended. Neither copy opens anything now.`,
        tone: "trouble",
        promise: "P2",
      }),
    );
  },
};
