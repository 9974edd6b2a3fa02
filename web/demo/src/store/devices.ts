/** The account's sessions, each on a device with its own refresh token. */

import { createAsyncThunk, createSlice } from "@reduxjs/toolkit";

import { api } from "../gate";
import { asSentence } from "../problem";
import { networkSwitched } from "./ui";

/** `created_at` and `last_used_at` are Unix seconds; `address` is a coarse network. */
export interface Device {
  id: string;
  client: string;
  created_at: number;
  last_used_at: number;
  expires_at: number;
  address: string;
  current: boolean;
}

export interface Devices {
  items: Device[];
  error: string | null;
}

const initialState: Devices = { items: [], error: null };

export const loadDevices = createAsyncThunk(
  "devices/load",
  async () => {
    const { data } = await api.get<{ sessions: Device[] }>("/auth/sessions");
    return data.sessions;
  },
  asSentence,
);

export const revokeDevice = createAsyncThunk(
  "devices/revoke",
  async (id: string) => {
    await api.delete(`/auth/sessions/${id}`);
    return id;
  },
  asSentence,
);

const slice = createSlice({
  name: "devices",
  initialState,
  reducers: {
    devicesForgotten: () => initialState,
  },
  extraReducers: (builder) => {
    builder
      .addCase(loadDevices.fulfilled, (state, { payload }) => {
        state.items = payload;
      })
      .addCase(revokeDevice.fulfilled, (state, { payload }) => {
        state.items = state.items.filter((device) => device.id !== payload);
      })
      .addCase(networkSwitched, (state) => {
        state.error = null; // it was about the network that is back, or about nothing that is to be said offline
      })
      .addMatcher(
        (action) => /^devices\/.*\/(fulfilled|rejected)$/.test(action.type),
        (state, action: { error?: { message?: string } }) => {
          state.error = action.error?.message ?? null;
        },
      );
  },
});

export const { devicesForgotten } = slice.actions;
export const devicesReducer = slice.reducer;
