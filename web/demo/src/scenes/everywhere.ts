/** Signs out on every device, and then shows the guard the pass that this page had. */

import { api, session } from "../gate";
import { networkFetch } from "../network";
import { count } from "../store/describe";
import { evidenceOf } from "../store/ui";
import type { Experiment } from "./experiment";

export const EVERYWHERE: Experiment = {
  id: "everywhere",
  label: "Sign out everywhere",
  see: "Every device of this account is out at once, this one too, however fresh its pass.",
  promise: "P4",
  isDanger: true,
  async run(dispatch) {
    const { data, config } = await api.get<{ sessions: unknown[] }>("/auth/sessions");
    const pass = String(config.headers.Authorization);
    const left = Math.round(((session.getSnapshot().expiresAt ?? 0) - performance.now()) / 1000);
    await session.signOut({ everywhere: true });
    const again = await networkFetch("/api/ping", { headers: { Authorization: pass } });
    const devices = `${count(data.sessions.length, "device")} ${data.sessions.length === 1 ? "is" : "are"} signed out`;
    dispatch(
      evidenceOf("signed-out", {
        headline: devices,
        detail: `The pass that this page had was good for another ${count(left, "second")}. Shown once more, the guard answered ${again.status}.`,
        tone: "calm",
        promise: "P4",
      }),
    );
  },
};
