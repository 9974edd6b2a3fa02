import type { PageServerLoad } from "./$types";

/** For everybody, and different for a person. */
export const load: PageServerLoad = ({ locals }) => ({ isSignedIn: locals.page.principal !== null });
