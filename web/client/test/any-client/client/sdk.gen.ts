/** As openapi-ts writes it. */
import { client } from "./client.gen.js";

export const addNote = (options: { body: { text: string }; throwOnError: true }) =>
  client.post<Note>({ url: "/notes", ...options, headers: { "Content-Type": "application/json" } });
