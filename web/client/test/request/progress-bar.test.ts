// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";

import { createLoading } from "../../src/loading.js";
import { showProgress } from "../../src/request/progress-bar.js";
import { useFakeClock } from "../fake/clock.js";

useFakeClock();
beforeEach(() => {
  document.body.innerHTML = "<main>text</main>";
  document.adoptedStyleSheets = [];
});

const bars = () => [...document.querySelectorAll<HTMLElement>("[role=progressbar]")];

function busy() {
  const loading = createLoading();
  let end = () => {};
  loading.track(
    new Promise<void>((resolve) => {
      end = resolve;
    }),
  );
  return { loading, end };
}

describe("the bar", () => {
  it("is there while something is under way, and only then", async () => {
    const { loading, end } = busy();
    showProgress(loading);
    expect(bars()[0]!.hidden).toBe(true);
    await vi.advanceTimersByTimeAsync(200);
    expect(bars()[0]!.hidden).toBe(false);
    end();
    await vi.advanceTimersByTimeAsync(400);
    expect(bars()[0]!.hidden).toBe(true);
  });

  it("says what it is, and no number, for nobody knows one", () => {
    showProgress(createLoading(), { label: "Lade <b>Daten</b>" });
    const [bar] = bars();
    expect(bar!.getAttribute("aria-label")).toBe("Lade <b>Daten</b>");
    expect(bar!.getAttribute("aria-valuetext")).toBe("Lade <b>Daten</b>");
    expect(bar!.hasAttribute("aria-valuenow")).toBe(false);
    expect(bar!.children).toHaveLength(0);
  });

  it("makes the part of the page that it is in busy, and never the whole page", async () => {
    const { loading, end } = busy();
    const container = document.querySelector("main")!;
    showProgress(loading, { container });
    showProgress(loading);
    await vi.advanceTimersByTimeAsync(200);
    expect([container.getAttribute("aria-busy"), document.body.getAttribute("aria-busy")]).toEqual(["true", null]);
    end();
    await vi.advanceTimersByTimeAsync(400);
    expect(container.getAttribute("aria-busy")).toBe("false");
  });

  it("needs no style element and no style attribute, which a strict content security policy forbids", () => {
    showProgress(createLoading());
    expect(document.querySelectorAll("style, [style], script")).toHaveLength(0);
    expect(document.adoptedStyleSheets).toHaveLength(1);
  });

  it("holds still for who wants that, and is to be seen in forced colours", () => {
    const replace = vi.spyOn(CSSStyleSheet.prototype, "replaceSync");
    showProgress(createLoading());
    const [css] = replace.mock.calls[0]!;
    expect(css).toMatch(/prefers-reduced-motion: reduce\) \{[^}]*animation: none/);
    expect(css).toMatch(/forced-colors: active\) \{[^}]*Highlight/);
  });

  it("leaves nothing behind when it is removed, and other bars alone", async () => {
    const { loading } = busy();
    const container = document.querySelector("main")!;
    const remove = showProgress(loading, { container });
    showProgress(loading);
    remove();
    remove();
    await vi.advanceTimersByTimeAsync(200);
    expect([bars().length, document.adoptedStyleSheets.length, container.hasAttribute("aria-busy")]).toEqual([
      1,
      1,
      false,
    ]);
  });

  it("works inside a shadow tree", () => {
    const host = document.body.appendChild(document.createElement("div"));
    const root = host.attachShadow({ mode: "open" });
    const container = root.appendChild(document.createElement("section"));
    showProgress(createLoading(), { container });
    expect([root.adoptedStyleSheets.length, document.adoptedStyleSheets.length]).toEqual([1, 0]);
  });
});
