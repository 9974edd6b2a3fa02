/**
 * A progress bar at the top of the page, or of an element, while requests are in progress; announced by screen readers.
 *
 * It uses a constructed style sheet and DOM calls only, so it works under `style-src 'self'` and Trusted Types. To set
 * its colour, set `--gatepass-progress` on an element around it.
 */

import type { LoadingView } from "./busy.js";

export interface ProgressOptions {
  /** The element to show it in; must be positioned. It gets `aria-busy` meanwhile. Default: the page. */
  readonly container?: HTMLElement | undefined;
  /** The text for screen readers. Default "Loading". */
  readonly label?: string | undefined;
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

/** Shows the state of a `Loading` or of one of its scopes. Returns a function that removes the bar. */
export function showProgress(loading: LoadingView, { container, label }: ProgressOptions = {}): () => void {
  const parent = container ?? document.body;
  const page = parent.ownerDocument;
  const root = parent.getRootNode() as Document | ShadowRoot;
  // A sheet can only be used in the document that made it, and the container may be in a frame.
  const sheet = new (page.defaultView as Window & typeof globalThis).CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];

  const bar = page.createElement("div");
  bar.className = "gatepass-progress";
  const text = label || "Loading";
  // No aria-valuenow: the progress is unknown.
  const attributes = { role: "progressbar", "aria-label": text, "aria-valuetext": text };
  for (const [name, value] of Object.entries(attributes)) bar.setAttribute(name, value);
  parent.prepend(bar);

  const update = () => {
    const { isVisible } = loading.getSnapshot();
    bar.hidden = !isVisible;
    // Never on the whole page: some screen readers ignore busy elements.
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
