/** What the examples assume of the application around them. */
declare const session: import("gatepass").Session;
interface Note {
  readonly id: number;
  readonly text: string;
}
