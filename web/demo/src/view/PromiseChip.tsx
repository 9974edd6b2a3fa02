/** The number of a promise, linked to its sentence at the end of the page. */

import { PROMISES } from "../promises";
import type { PromiseId } from "../store/describe";

export function PromiseChip({ id }: { id: PromiseId | null }) {
  if (id === null) return null;
  return (
    <a className="chip" href={`#${id}`} title={PROMISES[id].title}>
      {id}
      <span className="hidden">: {PROMISES[id].title}</span>
    </a>
  );
}
