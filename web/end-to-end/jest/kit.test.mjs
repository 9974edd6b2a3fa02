import { test } from "@jest/globals";
import { define } from "../kit.mjs";

define(test);
