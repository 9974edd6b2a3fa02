import { createFetch } from "gatepass/fetch";

const fetch = createFetch({ session });

/** orval.config.js: output: { client: "fetch", baseUrl: "/api", override: { mutator: { path: "./orval.ts", name: "send" } } } */
export async function send<Answer>(url: string, options: RequestInit): Promise<Answer> {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return { data: await response.json(), status: response.status, headers: response.headers } as Answer;
}
