import assert from "node:assert/strict";
import { test } from "node:test";
import { seal } from "../src/hpke.js";
import { x25519 } from "../src/x25519.js";
import { xwing } from "../src/xwing.js";
import { concat, utf8 } from "../src/wire.js";
import { hex, load, unhex, type Sealed } from "./vectors.js";

// Go opens the same file with the private keys.
for (const s of load<Sealed[]>("sealed_v1.json")) {
  test(`sealed: ${s.name}`, async () => {
    const b = unhex(s.sealed);
    const header = b.slice(0, 2 + 2 + 1 + b[4]! + 8);
    const info = concat(utf8("e2ee-safety/frank/v1/report\0", ""), header);
    const again = await seal(s.kem === "xwing" ? xwing : x25519, unhex(s.public), info, unhex(s.plain), unhex(s.entropy));
    assert.equal(hex(concat(header, again)), s.sealed);
  });
  test(`fresh each time: ${s.name}`, async () => {
    const kem = s.kem === "xwing" ? xwing : x25519;
    const once = async () => hex(await seal(kem, unhex(s.public), new Uint8Array(0), new Uint8Array(9)));
    assert.notEqual(await once(), await once());
  });
}
