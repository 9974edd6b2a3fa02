/**
 * All of Gatepass that this page sets up: one session, one Axios instance.
 *
 * The rest of the page knows neither tokens nor refreshes: it makes calls with `api` and reads `useSession()`.
 */

import axios from "axios";
import { createSession } from "gatepass";
import { attachAxios } from "gatepass/axios";

import { networkAdapter, networkFetch } from "./network";

export const session = createSession({ baseURL: "/auth", fetch: networkFetch });

export const api = axios.create({ baseURL: "/", adapter: networkAdapter, timeout: 15_000 });

attachAxios(api, { session });
