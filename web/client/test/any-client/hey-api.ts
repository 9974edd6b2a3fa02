import { createFetch } from "gatepass/fetch";
import { client } from "./client/client.gen.js"; // npx openapi-ts -i openapi.json -o client
import { addNote as post } from "./client/sdk.gen.js";

client.setConfig({ baseUrl: "/api", fetch: createFetch({ session }) });

export async function addNote(text: string) {
  const { data } = await post({ body: { text }, throwOnError: true });
  return data;
}
