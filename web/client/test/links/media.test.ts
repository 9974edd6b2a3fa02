import { describe, expect, it } from "vitest";

import { followMedia } from "../../src/links.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { BOB, signedIn } from "../fake/world.js";

useFakeClock();

/** What a browser's element does with its source, and how it fails. */
class FakeVideo extends EventTarget {
  readonly sources: (string | null)[] = [];
  paused = true;
  currentTime = 0;
  error: object | null = null;
  #src = "";

  set src(link: string) {
    this.#src = link;
  }

  removeAttribute(): void {
    this.#src = "";
  }

  load(): void {
    this.sources.push(this.#src || null);
    Object.assign(this, { error: null, currentTime: 0, paused: true });
  }

  async play(): Promise<void> {
    this.paused = false;
    this.dispatchEvent(new Event("play"));
  }

  pause(): void {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }

  /** A range was refused: the element fails, and is paused. */
  fail(): void {
    this.error = {};
    this.pause();
    this.dispatchEvent(new Event("error"));
  }
}

async function watching() {
  const world = await signedIn();
  const video = new FakeVideo();
  const stop = followMedia(world.session, "/films/7", video as unknown as HTMLVideoElement);
  await pass(0.1);
  return { ...world, video, stop };
}

describe("a film that is followed", () => {
  it("keeps its source while that is good, though a newer link is there", async () => {
    const { video } = await watching();
    await pass(400);
    expect(video.sources).toEqual([expect.stringContaining("/films/7?gp_link=")]);
  });

  it("goes on with the newest link, at the same place and playing, where an old one was refused", async () => {
    const { video } = await watching();
    await video.play();
    await pass(400);
    video.currentTime = 1_234;
    video.fail();
    expect([video.sources.length, video.currentTime, video.paused]).toEqual([2, 1_234, false]);
  });

  it("stays paused if it was", async () => {
    const { video } = await watching();
    await video.play();
    video.pause();
    await pass(400);
    video.fail();
    expect([video.sources.length, video.paused]).toEqual([2, true]);
  });

  it("that fails for another reason is not loaded again and again, but with the next link", async () => {
    const { video } = await watching();
    video.fail();
    video.fail();
    expect(video.sources).toHaveLength(1);
    await pass(301);
    expect(video.sources).toHaveLength(2);
  });

  it("has no source when the session ends, and one of the next session", async () => {
    const { video, session } = await watching();
    await settled(session.signOut());
    await pass(0.1);
    expect(video.sources.at(-1)).toBeNull();
    await settled(session.signIn(BOB));
    await pass(0.1);
    expect(video.sources).toHaveLength(3);
  });

  it("is left as it is by the one who stops", async () => {
    const { video, session, stop } = await watching();
    stop();
    await settled(session.signOut());
    video.fail();
    expect(video.sources).toHaveLength(1);
  });
});
