/**
 * Connections that stay open: a WebSocket that admits itself and reconnects, server-sent events over fetch, and a
 * WebSocket class for libraries that take one.
 *
 *     const socket = openSocket({ session, url: "/chat", onMessage: (text: string) => show(JSON.parse(text)) });
 *     for await (const { data } of openEvents({ session, url: "/news" })) show(JSON.parse(data));
 *
 * Both end with the session, at once and for good. Neither keeps an abandoned session alive (PROTOCOL §8): a newer token
 * is made only while the page is in use (`live/use.ts`); one that requests have made is taken at no cost. Each tab
 * has connections of its own.
 */

export type { SocketClose } from "./live/connection.js";
export { type EventsSetup, openEvents, type ServerEvent } from "./live/events.js";
export { sessionSignal } from "./live/session-signal.js";
export { type LiveSocket, openSocket, type SocketSetup, type SocketStatus } from "./live/socket.js";
export type { Renew } from "./live/use.js";
export { createWebSocket, type WebSocketSetup } from "./live/websocket.js";
