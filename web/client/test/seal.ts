// Prints sealed reports. With "vectors" the entropy is fixed and the output is
// franking/testdata/sealed_v1.json; otherwise what Go gave on standard input
// (public keys, evidence) is sealed with fresh entropy, for Go to open.
import { readFileSync } from "node:fs";
import { encodeReport, sealReport, type Report } from "../src/report.js";
import { x25519 } from "../src/x25519.js";
import { xwing } from "../src/xwing.js";
import { hex, load, unhex, type Sealed, type Vectors } from "./vectors.js";

const kems = { x25519, xwing };
const fixed = process.argv[2] === "vectors";
const keys = JSON.parse(readFileSync(0, "utf8")) as Record<keyof typeof kems, string>;
const m = load<Vectors>("frank_v1.json").messages[0]!;
const report: Report = {
  reporter: "acct:bob", reason: 3, childAtRisk: true, note: "please help",
  messages: [{ key: unhex(m.key), content: unhex(m.content), stamp: { tag: unhex(m.tag), signature: unhex(m.signature), context: unhex(m.context) } }],
};
const out: Sealed[] = [];
for (const kem of ["x25519", "xwing"] as const) {
  const entropy = fixed ? new Uint8Array(kem === "xwing" ? 64 : 32).fill(3) : undefined;
  const team = { name: "moderation.chat.example", id: new TextEncoder().encode("key-0001"), kem: kems[kem], key: unhex(keys[kem]) };
  out.push({ name: kem, kem, public: keys[kem], entropy: entropy ? hex(entropy) : "", plain: hex(encodeReport(report)), sealed: hex(await sealReport(report, team, entropy)) });
}
process.stdout.write(JSON.stringify(out, null, 2) + "\n");
