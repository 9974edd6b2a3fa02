/** A tRPC server: its procedures look at the token, as those of applications do. */
import { initTRPC, TRPCError } from "@trpc/server";

const t = initTRPC.context<{ isSignedIn: boolean }>().create();
const signedIn = t.procedure.use(({ ctx, next }) => {
  if (!ctx.isSignedIn) throw new TRPCError({ code: "UNAUTHORIZED" });
  return next();
});
const noteOf = (input: unknown) => input as { text: string };

export const appRouter = t.router({
  addNote: signedIn.input(noteOf).mutation(({ input }) => ({ id: 1, text: input.text })),
  notes: signedIn.query((): Note[] => []),
  count: t.procedure.query(() => 7),
});
export type AppRouter = typeof appRouter;
