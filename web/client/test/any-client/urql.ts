import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";
import { createFetch, graphqlRefused } from "gatepass/fetch";

const client = new Client({
  url: "/api/graphql",
  exchanges: [cacheExchange, fetchExchange],
  fetch: createFetch({ session, isRefused: graphqlRefused }),
});

const ADD_NOTE = gql`mutation ($text: String!) { addNote(text: $text) { id text } }`;

export async function addNote(text: string) {
  const { data, error } = await client.mutation<{ addNote: Note }>(ADD_NOTE, { text });
  if (error) throw error;
  return data?.addNote;
}
