/** A session and a client where a test can reach them. */

import { createClient } from "/client/fetch.js";
import { createSession } from "/client/index.js";
import { createLoading, showProgress } from "/client/loading.js";

const ended = [];
const restored = [];
const session = createSession({ baseURL: "/auth", onEnded: (end) => ended.push(end) });
addEventListener("pageshow", (event) => event.persisted && restored.push(event.timeStamp));
const loading = createLoading({ delay: 0 });
showProgress(loading);
const api = createClient({ baseURL: "/", session, layers: [loading.layer] });
window.stage = { session, ended, restored, loading, api };
window.stage.ready = session.start();
