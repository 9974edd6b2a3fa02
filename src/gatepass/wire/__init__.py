"""Text to objects and back: cookies, headers, bodies, problem documents, origins. No framework, no store."""
