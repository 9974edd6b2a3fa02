/**
 * Whether requests are under way, for spinners and a progress bar.
 *
 *     const loading = createLoading();
 *     const api = createClient({ baseURL: "/api", session, layers: [loading.layer] });
 *     showProgress(loading);
 *
 * A request counts once, through retries and refreshes. Nothing is shown for short ones, and what is shown stays a while:
 *
 *     idle ──request──► waiting ──delay──► visible ──last one ends──► lingering ──min──► idle
 *                          └──last one ends──► idle
 */

export { type Busy, createLoading, type Loading, type LoadingOptions, type LoadingView } from "./request/busy.js";
export { type ProgressOptions, showProgress } from "./request/progress-bar.js";
