/**
 * A bar at the top of the page, or of a part of it, while requests are under way: for eyes and for screen readers.
 *
 * Its looks are a constructed style sheet, and all else is made by DOM calls: it works under `style-src 'self'` and with
 * Trusted Types. Colours of your own: `--gatepass-progress` on any element around it.
 */

import type { LoadingView } from "./busy.js";

export interface ProgressOptions {
  /** In which element; it should be positioned. It is `aria-busy` meanwhile. Default: the page. */
  readonly container?: HTMLElement;
  /** What screen readers say. Default "Loading". */
  readonly label?: string;
}

const CSS = `
.gatepass-progress { position: absolute; inset: 0 0 auto; z-index: 9999; height: 3px; overflow: hidden; pointer-events: none }
body > .gatepass-progress { position: fixed }
.gatepass-progress[hidden] { display: none }
.gatepass-progress::before {
  content: ""; display: block; height: 100%; background: var(--gatepass-progress, #2563eb); transform-origin: 0 50%;
  animation: gatepass-progress 1.4s infinite ease-in-out
}
@keyframes gatepass-progress {
  from { transform: translateX(-40%) scaleX(.4) }
  to { transform: scaleX(.4) translateX(250%) }
}
@media (prefers-reduced-motion: reduce) { .gatepass-progress::before { animation: none; transform: none } }
@media (forced-colors: active) { .gatepass-progress::before { forced-color-adjust: none; background: Highlight } }
`;

/** Show what a `Loading`, or one scope of it, knows. Returns what removes the bar again. */
export function showProgress(loading: LoadingView, { container, label = "Loading" }: ProgressOptions = {}): () => void {
  const parent = container ?? document.body;
  const page = parent.ownerDocument;
  const root = parent.getRootNode() as Document | ShadowRoot;
  // A sheet belongs to the document in which it was made: the container may be in a frame.
  const sheet = new (page.defaultView as Window & typeof globalThis).CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];

  const bar = page.createElement("div");
  bar.className = "gatepass-progress";
  // No aria-valuenow: how far it is, nobody knows.
  const attributes = { role: "progressbar", "aria-label": label, "aria-valuetext": label };
  for (const [name, value] of Object.entries(attributes)) bar.setAttribute(name, value);
  parent.prepend(bar);

  const update = () => {
    const { isVisible } = loading.getSnapshot();
    bar.hidden = !isVisible;
    // Never on the whole page: some screen readers are silent about what is busy.
    container?.setAttribute("aria-busy", `${isVisible}`);
  };
  const stop = loading.subscribe(update);
  update();
  return () => {
    stop();
    bar.remove();
    container?.removeAttribute("aria-busy");
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter((one) => one !== sheet);
  };
}
