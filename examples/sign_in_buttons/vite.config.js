import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/auth": "http://localhost:8000", "/api": "http://localhost:8000" } },
});
