/**
 * Limits retries by a budget, so that many pages together do not overload a server that is failing.
 *
 * A page has one budget per origin, shared by all `retry()` layers and TanStack Query. Each request adds a fraction,
 * each further attempt takes one; while it is empty, requests are sent once.
 */

/** The further attempts that this page may make at one origin. */
export interface Budget {
  /** How many are left. */
  readonly left: number;
  /** Adds the fraction for one request. */
  fill(): void;
  /** Takes one attempt. Returns false if none is left. */
  spend(): boolean;
}

/** Returns the budget of an origin ("https://api.example.com"); the same object for the same origin. */
export type Budgets = (origin: string) => Budget;

/** Creates separate budgets of at most `capacity` attempts; each request adds `perCall`. */
export function createBudget({ capacity = 20, perCall = 0.1 } = {}): Budgets {
  const budgets = new Map<string, Budget>();
  return (origin) => {
    let budget = budgets.get(origin);
    if (!budget) {
      let left = capacity;
      budget = {
        get left() {
          return left;
        },
        fill() {
          left = Math.min(capacity, left + perCall);
        },
        // Short for bytes: the old value is at least 1, so `!!left--` is true after taking one.
        spend: () => left >= 1 && !!left--,
      };
      budgets.set(origin, budget);
    }
    return budget;
  };
}

/** The shared budgets of the page, used wherever no others are given. */
export const budgetFor: Budgets = /* @__PURE__ */ createBudget();
