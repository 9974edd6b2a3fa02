/**
 * The time of a page, in the hand of its test; runs before anything else in every page, as Playwright or the server of the
 * page has it (`prepared` in conftest.py, `/before.js`), or both.
 *
 *     skip(ms)       the monotonic clock leaps, as over a night on which the laptop slept: a pass runs out at once
 *     runOut(ms)     the waits of so many ms run out that began since this was said last
 *
 * By itself the clock hardly moves and no time-out runs out, so it is no matter how long a busy machine takes. Where a
 * test has set `skip` already, the clock is in other hands, and stays as it is.
 */
(() => {
  if (window.skip) return;
  const SLOWER = 1_000;
  /**
   * What the client gives a sibling's token that is on its way. Behind it there is one more refresh, which is right
   * and would be counted here; so it is given longer, and only where no token will come a test lets it run out.
   */
  const COURIER = 100;
  const LONGER = 20_000;

  const now = performance.now.bind(performance);
  const waits = [];
  let skipped = 0;

  performance.now = () => now() / SLOWER + skipped;
  AbortSignal.timeout = (ms) => {
    const abort = new AbortController();
    waits.push({ ms, end: () => abort.abort(new DOMException("It took too long.", "TimeoutError")) });
    return abort.signal;
  };
  const later = window.setTimeout.bind(window);
  window.setTimeout = (act, ms, ...rest) => {
    if (ms !== COURIER) return later(act, ms, ...rest);
    const timer = later(act, LONGER, ...rest);
    waits.push({ ms, end: () => (clearTimeout(timer), act(...rest)) });
    return timer;
  };

  window.skip = (ms) => {
    skipped += ms;
  };
  window.runOut = (ms) => {
    const over = waits.filter((wait) => wait.ms === ms);
    for (const wait of over) {
      waits.splice(waits.indexOf(wait), 1);
      wait.end();
    }
  };
})();
