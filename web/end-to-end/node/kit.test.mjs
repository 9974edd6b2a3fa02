import { test } from "node:test";
import { define } from "../kit.mjs";

define(test);
