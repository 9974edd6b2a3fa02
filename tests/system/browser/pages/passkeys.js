// What a page does for a passkey, with nothing but the browser: options, navigator.credentials, the answer.

const send = async (method, path, body) => {
  const headers = { "content-type": "application/json", "gatepass-client": "1" };
  if (window.token) headers.authorization = `Bearer ${window.token}`;
  const answer = await fetch(`/auth${path}`, { method, headers, body: body && JSON.stringify(body) });
  const json = answer.status === 204 ? null : await answer.json();
  if (json?.access_token) window.token = json.access_token;
  return { status: answer.status, json };
};

/** The JSON of what the device made or signed, or the name of what the browser throws. */
const ask = async (kind, options, more = {}) => {
  const parse = { create: "parseCreationOptionsFromJSON", get: "parseRequestOptionsFromJSON" }[kind];
  try {
    const publicKey = PublicKeyCredential[parse](options);
    return (await navigator.credentials[kind]({ publicKey, ...more })).toJSON();
  } catch (error) {
    return { thrown: error.name };
  }
};

window.passkeys = {
  send,
  options: async (path, body = {}) => (await send("POST", path, body)).json,
  create: (options) => ask("create", options),
  get: (options, more) => ask("get", options, more),
  async add() {
    return send("POST", "/passkeys", { response: await ask("create", await this.options("/passkeys/options")) });
  },
  async enter(changes = {}, more = {}) {
    const options = { ...(await this.options("/login/passkey/options")), ...changes };
    const response = await ask("get", options, more);
    return response.thrown ? response : send("POST", "/login/passkey", { response });
  },
};
