/**
 * The Gatepass setup of this page: one session, one Axios instance.
 *
 * The rest of the page does not deal with tokens or refreshes: it makes calls with `api` and reads `useSession()`.
 */

import axios from "axios";
import { createSession } from "gatepass";
import { createAccount } from "gatepass/account";
import { attachAxios } from "gatepass/axios";
import { createFactors } from "gatepass/factors";

import { networkAdapter, networkFetch } from "./network";

export const session = createSession({ baseURL: "/auth", fetch: networkFetch });

export const api = axios.create({ baseURL: "/", adapter: networkAdapter, timeout: 15_000 });

attachAxios(api, { session });

const setup = { baseURL: "/auth", session, fetch: networkFetch };

export const account = createAccount(setup);

export const factors = createFactors(setup);
