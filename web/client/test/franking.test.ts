import assert from "node:assert/strict";
import { test } from "node:test";
import { FrankingError, Receiver, Sequence, checkFile, encodeContent, encodeContext, encodeStamp, frank, parseContent, parseContext, parseStamp } from "../src/franking.js";
import { compose, encodeReport } from "../src/report.js";
import { concat } from "../src/wire.js";
import { hex, load, unhex, type Vectors } from "./vectors.js";

const v = load<Vectors>("frank_v1.json");
const problem = (e: unknown): string => { if (e instanceof FrankingError) return e.problem; throw e; };

for (const m of v.messages) {
  test(`message: ${m.name}`, async () => {
    const receiver = new Receiver(v.origin, [{ public: unhex(v.public), from: 0 }]);
    const stamp = { tag: unhex(m.tag), signature: unhex(m.signature), context: unhex(m.context) };
    const got = await receiver.verify(concat(unhex(m.key), unhex(m.content)), unhex(m.commitment), stamp,
      { sender: m.peer_sender, conversation: m.peer_conversation }).then(() => "", problem);
    assert.equal(got, m.receive);
  });
}

test("there are vectors", () => assert.ok(v.messages.length + v.decode.length >= 40));

const again: Record<string, (b: Uint8Array) => Uint8Array> = {
  content: (b) => encodeContent(parseContent(b)),
  context: (b) => encodeContext(parseContext(b)),
  stamp: (b) => encodeStamp(parseStamp(b)),
};
for (const d of v.decode.filter((d) => d.type in again)) {
  test(`decode: ${d.name}`, () => {
    const b = unhex(d.bytes);
    let got = "";
    try { assert.equal(hex(again[d.type]!(b)), hex(b)); } catch (e) { got = problem(e); }
    assert.equal(got, d.error);
  });
}

test("a message is franked to the published bytes", async () => {
  const m = v.messages[0]!;
  const { payload, commitment } = await frank(parseContent(unhex(m.content)), unhex(m.key));
  assert.equal(hex(payload), m.key + m.content);
  assert.equal(hex(commitment), m.commitment);
});

test("half a surrogate pair is refused, not replaced", () => {
  const c = parseContent(unhex(v.messages[0]!.content));
  assert.throws(() => encodeContent({ ...c, sender: "\ud800" }), { problem: "text" });
});

test("a report has the vector's bytes", () => {
  const m = v.messages[0]!;
  const e = { key: unhex(m.key), content: unhex(m.content), stamp: { tag: unhex(m.tag), signature: unhex(m.signature), context: unhex(m.context) } };
  const r = compose({ reporter: "acct:bob", reason: 3, childAtRisk: true, note: "hello" }, [e]);
  assert.equal(hex(encodeReport(r)), v.decode.find((d) => d.name === "report")!.bytes);
  assert.equal(compose(r, Array<typeof e>(50).fill(e)).messages.length, 31);
  const long = { ...e, content: new Uint8Array(64 << 10) };
  assert.equal(compose(r, Array<typeof e>(31).fill(long)).messages.length, 15);
  assert.throws(() => compose(r, []), { problem: "report-size" });
});

test("files", async () => {
  const file = new Uint8Array([1, 2, 3]);
  const a = { plain: new Uint8Array(await crypto.subtle.digest("SHA-256", file)), cipher: new Uint8Array(32), size: 3, type: "" };
  await checkFile(a, file);
  await assert.rejects(checkFile(a, new Uint8Array([1, 2, 4])), { problem: "attachment" });
});

test("sequence", () => {
  const s = new Sequence();
  assert.deepEqual(s.accept({ seq: 1000n, acceptedAt: 0 }), { missing: 0n, late: false });
  assert.deepEqual(s.accept({ seq: 1003n, acceptedAt: 5 }), { missing: 2n, late: false });
  assert.deepEqual(s.accept({ seq: 1001n, acceptedAt: 1 }), { missing: 0n, late: true });
  for (const seq of [1000n, 1001n, 1003n]) assert.throws(() => s.accept({ seq, acceptedAt: 1 }), { problem: "replayed" });
  assert.throws(() => s.accept({ seq: 747n, acceptedAt: 0 }), { problem: "reordered" });
  assert.throws(() => s.accept({ seq: 1002n, acceptedAt: 70_000 }), { problem: "reordered" });
  assert.deepEqual(s.accept({ seq: 748n, acceptedAt: 0 }), { missing: 0n, late: true });
  assert.deepEqual(s.accept({ seq: 2000n, acceptedAt: 70_000 }), { missing: 996n, late: false });
  assert.throws(() => s.accept({ seq: 2001n, acceptedAt: 5 }), { problem: "reordered" });
});
