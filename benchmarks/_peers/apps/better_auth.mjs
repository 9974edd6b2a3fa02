/** better-auth on Node's own server, as its documentation shows it; every request extends the session. */

import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import pg from "pg";

const { DATABASE_URL, PORT, SECRET } = process.env;
const options = {
  secret: SECRET,
  baseURL: `http://localhost:${PORT}`,
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 16 }),
  emailAndPassword: { enabled: true },
  session: { updateAge: 0 },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
};
await (await getMigrations(options)).runMigrations();
createServer(toNodeHandler(betterAuth(options))).listen(Number(PORT), "127.0.0.1");
