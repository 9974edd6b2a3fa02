import { createFetch } from "gatepass/fetch";
import ky from "ky";

const http = ky.create({ baseUrl: "/api/", fetch: createFetch({ session }) });

export function addNote(text: string) {
  return http.post("notes", { json: { text } }).json<Note>();
}
