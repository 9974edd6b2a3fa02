/** Explains the demo to a visitor who is not signed in. */

import { Guard, Lock, Ticket } from "./icons";

export function Welcome() {
  return (
    <div className="welcome">
      <h2>Sign in once. Stay signed in.</h2>
      <p className="lead">
        Think of a gated community. Gatepass is its pass, its card and its guard, and here you can watch all three.
      </p>
      <ul className="parts">
        <li>
          <Ticket />
          <div>
            <h3>The entry pass</h3>
            <p>Opens every door and soon expires. Here after 30 seconds.</p>
          </div>
        </li>
        <li>
          <Lock />
          <div>
            <h3>The membership card</h3>
            <p>Stays locked in the wallet and fetches a new pass. Each use exchanges it for its successor.</p>
          </div>
        </li>
        <li>
          <Guard />
          <div>
            <h3>The guard</h3>
            <p>Looks at all that goes out and comes in, renews the pass in time, and never bothers you.</p>
          </div>
        </li>
      </ul>
    </div>
  );
}
