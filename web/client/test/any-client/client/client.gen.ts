/** As openapi-ts writes it, but that its runtime is not copied here. */

const { pathname } = new URL(
  "../../../../node_modules/@hey-api/openapi-ts/dist/clients/fetch/index.ts",
  import.meta.url,
);
const { createClient, createConfig } = await import(/* @vite-ignore */ pathname);

interface Config {
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
}
type Post = <Data>(options: {
  url: string;
  body: unknown;
  headers: object;
  throwOnError: boolean;
}) => Promise<{ data: Data }>;

export const client: { setConfig(config: Config): void; readonly post: Post } = createClient(createConfig());
