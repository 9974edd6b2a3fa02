/** The format of server-sent events (HTML, "Parsing an event stream"). */

import { GatepassError } from "../errors.js";

/** Characters that are kept of an unfinished line, and of an unfinished event; as in the Python client. */
const MAX_EVENT = 1_000_000;

/** One event. `id` is the last one that the stream has named, also in an event before; "" if none. */
export interface ServerEvent {
  readonly type: string;
  readonly data: string;
  readonly id: string;
}

/** What a stream has said of itself: `id` for `Last-Event-ID`, and how long to wait before it is opened again, ms. */
export interface Place {
  id: string;
  retry: number;
}

/**
 * The events of one response. Keeps `place` up to date, also by events without data. Rejects with a GatepassError, `http`
 * with the code `event-too-long`, for one of more than MAX_EVENT.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>, place: Place): AsyncGenerator<ServerEvent> {
  let type = "";
  let data: string[] = [];
  let length = 0;
  let { id } = place;
  for await (const line of linesOf(body)) {
    if (line === "") {
      place.id = id;
      if (data.length) yield { type: type || "message", data: data.join("\n"), id };
      type = "";
      data = [];
      length = 0;
      continue;
    }
    const [, name, value] = /^([^:]*)(?:: ?)?(.*)$/s.exec(line)!;
    if (name === "data") {
      data.push(value!);
      // With its end: empty ones are kept too.
      length += value!.length + 1;
      checkLength(length);
    } else if (name === "event") type = value!;
    else if (name === "id" && !value!.includes("\0")) id = value!;
    // Of 0 nothing could be doubled where attempts fail.
    else if (name === "retry" && /^\d+$/.test(value!)) place.retry = Number(value) || 1;
  }
}

/** Complete lines, ended by LF, CR or both; one that is cut off at the end is none. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  // Takes the byte order mark away, and keeps a letter that is spread over two chunks.
  const decoder = new TextDecoder();
  let rest = "";
  let isAfterCr = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      // A CR ends its line at once; a LF that follows it in the next chunk is part of the same end.
      const added = text.replace(isAfterCr ? /^\n/ : "", "");
      if (text) isAfterCr = text.endsWith("\r");
      // What has been searched is not searched again.
      const lines = added.split(/\r\n|\n|\r/);
      lines[0] = rest + lines[0];
      rest = lines.pop()!;
      yield* lines;
      checkLength(rest.length);
    }
  } finally {
    // Also where the caller has left its loop: the connection ends.
    reader.cancel().catch(() => {});
  }
}

function checkLength(length: number): void {
  if (length > MAX_EVENT) throw new GatepassError("http", { status: 200, problem: { code: "event-too-long" } });
}
