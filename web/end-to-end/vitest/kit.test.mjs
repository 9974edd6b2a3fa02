import { test } from "vitest";
import { define } from "../kit.mjs";

define(test);
