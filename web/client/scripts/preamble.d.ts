/** The names that the snippets of the pages in docs/ assume: imports and functions of the application around them. */

declare const session: import("gatepass").Session;
declare const api: import("gatepass/fetch").Client;
declare const instance: import("axios").AxiosInstance;
declare const loading: import("gatepass/loading").Loading;
declare const createClient: typeof import("gatepass/fetch").createClient;
declare const attachAxios: typeof import("gatepass/axios").attachAxios;
declare const retry: typeof import("gatepass/retry").retry;

declare const email: string;
declare const token: string;
declare const account: import("gatepass/account").AccountActions;
declare function askPassword(): Promise<string>;
declare const password: string;
declare const signal: AbortSignal;
declare const tenant: string;
declare const file: File;
declare const order: Readonly<Record<string, unknown>>;
declare const query: Readonly<Record<string, unknown>>;
declare const dsn: string;
declare const vi: { advanceTimersByTime(ms: number): unknown };
declare const tracer: import("@opentelemetry/api").Tracer;
declare const analytics: { send(name: string, facts: object): void };
interface Note {
  readonly id: number;
  readonly text: string;
}
declare function sink(fact: object): void;
declare function route(path: string): string;
declare function render(state: object): void;
declare function report(error: unknown): void;
declare function showToast(text: string): void;
declare function notesReducer(state: readonly Note[] | undefined, action: { type: string }): readonly Note[];
declare function navigate(path: string, options?: { replace: boolean }): void;
