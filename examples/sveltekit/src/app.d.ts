import type { Page } from "gatepass/server";

declare global {
  namespace App {
    interface Locals {
      page: Page;
    }
  }
}
