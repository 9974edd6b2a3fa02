/** The browser of the kit that is shipped: `gatepass/testing`. */

export { FakeProfile, FakeTab, type Fault, type ProfileOptions } from "../../src/testing/fake-browser.js";
