/** The list of the promises. */

import { PROMISES } from "../promises";

export function Promises() {
  return (
    <section className="promises" aria-labelledby="promises-title">
      <h2 id="promises-title">What is promised</h2>
      <ul>
        {Object.entries(PROMISES).map(([id, { title, text }]) => (
          <li key={id} id={id}>
            <h3>
              <span className="chip">{id}</span> {title}
            </h3>
            <p>{text}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}
