/** The visitor's notes, which only a signed-in account can read. Plain calls, without any code for tokens. */

import { createAsyncThunk, createSlice } from "@reduxjs/toolkit";

import { api } from "../gate";
import { asSentence } from "../problem";
import { networkSwitched } from "./ui";

export interface Note {
  id: string;
  text: string;
}

export interface Notes {
  items: Note[];
  error: string | null;
}

const initialState: Notes = { items: [], error: null };

export const loadNotes = createAsyncThunk(
  "notes/load",
  async () => {
    const { data } = await api.get<{ notes: Note[] }>("/api/notes");
    return data.notes;
  },
  asSentence,
);

export const addNote = createAsyncThunk(
  "notes/add",
  async (text: string) => {
    const { data } = await api.post<Note>("/api/notes", { text });
    return data;
  },
  asSentence,
);

export const deleteNote = createAsyncThunk(
  "notes/delete",
  async (id: string) => {
    await api.delete(`/api/notes/${id}`);
    return id;
  },
  asSentence,
);

const slice = createSlice({
  name: "notes",
  initialState,
  reducers: {
    notesForgotten: () => initialState,
  },
  extraReducers: (builder) => {
    builder
      .addCase(loadNotes.fulfilled, (state, { payload }) => {
        state.items = payload;
      })
      .addCase(addNote.fulfilled, (state, { payload }) => {
        state.items.push(payload);
      })
      .addCase(deleteNote.fulfilled, (state, { payload }) => {
        state.items = state.items.filter((note) => note.id !== payload);
      })
      .addCase(networkSwitched, (state) => {
        state.error = null; // it was about the network that is back, or about nothing that is to be said offline
      })
      .addMatcher(
        (action) => /^notes\/.*\/(fulfilled|rejected)$/.test(action.type),
        (state, action: { error?: { message?: string } }) => {
          state.error = action.error?.message ?? null;
        },
      );
  },
});

export const { notesForgotten } = slice.actions;
export const notesReducer = slice.reducer;
