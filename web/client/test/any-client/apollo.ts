import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { createFetch, graphqlRefused } from "gatepass/fetch";

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: new HttpLink({ uri: "/api/graphql", fetch: createFetch({ session, isRefused: graphqlRefused }) }),
});

const ADD_NOTE = gql`mutation ($text: String!) { addNote(text: $text) { id text } }`;

export async function addNote(text: string) {
  const { data } = await client.mutate<{ addNote: Note }>({ mutation: ADD_NOTE, variables: { text } });
  return data?.addNote;
}
