import { read, requirePerson } from "$lib/server/pages";
import type { PageServerLoad } from "./$types";

export const load: PageServerLoad = async (event) => {
  const { accountId } = requirePerson(event);
  return { accountId, notes: await read<string[]>("/api/notes", event) };
};
