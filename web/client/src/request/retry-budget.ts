/**
 * What keeps many pages from bringing a server down that struggles: further attempts come out of a budget.
 *
 * One for each origin and page, whoever asks: every `retry()` layer, TanStack Query and RTK Query. Each request gives a
 * little of it back, each further attempt takes one; once it is used up, requests are sent once.
 */

/** Further attempts that this page may make at one origin. */
export interface Budget {
  /** How many there are. */
  readonly left: number;
  /** A request begins. */
  fill(): void;
  /** Take a further attempt; false where there is none left. */
  spend(): boolean;
}

/** The budget for an origin ("https://api.example.com"): always the same one for the same origin. */
export type Budgets = (origin: string) => Budget;

/** Budgets of your own: at most `capacity` at once; each request gives `perCall` of one back. */
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
        spend: () => left >= 1 && !!left--,
      };
      budgets.set(origin, budget);
    }
    return budget;
  };
}

/** Those that everything on a page shares which is not given its own. */
export const budgetFor: Budgets = /* @__PURE__ */ createBudget();
