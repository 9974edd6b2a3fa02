/** The store of the page: the state of the session beside that of the page. */

import { configureStore } from "@reduxjs/toolkit";
import { sessionMiddleware, sessionReducer } from "gatepass/redux";
import { useDispatch, useSelector } from "react-redux";

import { session } from "../gate";
import { activityReducer } from "./activity";
import { devicesReducer } from "./devices";
import { factorsReducer } from "./factors";
import { notesReducer } from "./notes";
import { serverLogReducer } from "./serverLog";
import { uiReducer } from "./ui";

export const store = configureStore({
  reducer: {
    session: sessionReducer,
    activity: activityReducer,
    devices: devicesReducer,
    factors: factorsReducer,
    serverLog: serverLogReducer,
    notes: notesReducer,
    ui: uiReducer,
  },
  middleware: (standard) => standard().concat(sessionMiddleware(session)),
});

export type State = ReturnType<typeof store.getState>;
export type Dispatch = typeof store.dispatch;

export const useStore = useSelector.withTypes<State>();
export const useAct = useDispatch.withTypes<Dispatch>();
