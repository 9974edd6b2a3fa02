import { createTRPCClient, httpBatchLink } from "@trpc/client";
import { createFetch, type IsRefused } from "gatepass/fetch";
import type { AppRouter } from "./router.js";

/** Some refused: 207; all: 401. It may be sent again if it changes nothing, or if nothing was done. */
const batchRefused: IsRefused = async (response, sent) => {
  if (response.status !== 401 && response.status !== 207) return false;
  const answers: { error?: { data: { code: string } } }[] = await response.json();
  const isRefused = answers.some(({ error }) => error?.data.code === "UNAUTHORIZED");
  return isRefused && (sent().method === "GET" || answers.every(({ error }) => error));
};

const send = createFetch({ session, isRefused: batchRefused });
const trpc = createTRPCClient<AppRouter>({
  links: [httpBatchLink({ url: "/api/trpc", fetch: (url, init) => send(url, init as RequestInit) })],
});

export function addNote(text: string) {
  return trpc.addNote.mutate({ text });
}

export function overview() {
  return Promise.all([trpc.count.query(), trpc.notes.query()]);
}
