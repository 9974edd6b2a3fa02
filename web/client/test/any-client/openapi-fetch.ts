import { createFetch } from "gatepass/fetch";
import createClient from "openapi-fetch";
import type { paths } from "./schema.js"; // npx openapi-typescript openapi.json -o schema.ts

const notes = createClient<paths>({ baseUrl: "/api", fetch: createFetch({ session }) });

export async function addNote(text: string) {
  const { data, error } = await notes.POST("/notes", { body: { text } });
  if (error) throw error;
  return data;
}
