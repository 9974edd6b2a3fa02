/**
 * A session and a client where a test can reach them. The address may set numbers: ?timeout=1000.
 *
 * `skip(ms)` lets the monotonic clock of this tab leap, as it does over a night on which the laptop slept: a pass runs
 * out at once, and no test has to wait for it.
 */

import { createClient } from "/client/fetch.js";
import { createSession } from "/client/index.js";
import { createLoading, showProgress } from "/client/loading.js";

const now = performance.now.bind(performance);
let skipped = 0;
performance.now = () => now() + skipped;
window.skip = (ms) => {
  skipped += ms;
};

const numbers = Object.fromEntries([...new URLSearchParams(location.search)].map(([name, value]) => [name, +value]));
const ended = [];
const restored = [];
const session = createSession({ baseURL: "/auth", onEnded: (end) => ended.push(end), ...numbers });
addEventListener("pageshow", (event) => event.persisted && restored.push(event.timeStamp));
const loading = createLoading({ delay: 0 });
showProgress(loading);
const api = createClient({ baseURL: "/", session, layers: [loading.layer] });
window.stage = { session, ended, restored, loading, api };
window.stage.ready = session.start();
