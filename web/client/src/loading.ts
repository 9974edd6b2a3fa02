/**
 * Whether requests are in progress, for spinners and a progress bar.
 *
 *     const loading = createLoading();
 *     const api = createClient({ baseURL: "/api", session, layers: [loading.layer] });
 *     showProgress(loading);
 *
 * A request counts once, including its retries and refreshes. Short requests show nothing, and an indicator that is
 * shown stays for at least `min`, so nothing flickers:
 *
 *     idle ──request──► waiting ──delay──► visible ──last one ends──► lingering ──min──► idle
 *                          └──last one ends──► idle
 */

export { type Busy, createLoading, type Loading, type LoadingOptions, type LoadingView } from "./request/busy.js";
export { type ProgressOptions, showProgress } from "./request/progress-bar.js";
