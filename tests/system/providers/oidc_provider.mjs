// `oidc-provider` of npm, a certified OpenID provider, on a loopback port: node oidc_provider.mjs PORT REDIRECT_URI…
//
// A person who signs in with a name has that name as subject, and the address NAME@example.com, verified unless the name
// begins with "un". Its login page takes any password.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, ...redirectUris] = process.argv.slice(2);
const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: "the-gate", client_secret: "a secret: of the tests & no other", redirect_uris: redirectUris }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  scopes: ["openid", "email", "profile"],
  pkce: { required: () => true },
  cookies: { keys: ["a key of the tests"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: !id.startsWith("un"), name: id }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
