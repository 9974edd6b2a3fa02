import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  // The browser sees one origin, as it will in production. GATEPASS_PUBLIC_URL in .env names it.
  server: {
    port: 5173,
    strictPort: true,
    proxy: { "/auth": "http://127.0.0.1:8000", "/api": "http://127.0.0.1:8000" },
  },
  test: { environment: "happy-dom" },
});
