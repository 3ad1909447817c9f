/** Reports: written, and sealed for the moderators. Sending them is the app's affair. */
import type { Evidence } from "./franking.js";
import { seal, u16, type KEM } from "./hpke.js";
import { FrankingError, Writer, concat, limits, utf8, type Bytes } from "./wire.js";

export type { KEM } from "./hpke.js";

/** What a person sends to the moderators. Only messages can be proved. */
export interface Report {
  reporter: string;
  /** A number of the service's own list, 0 if none was given. */
  reason: number;
  childAtRisk: boolean;
  /** 1 to 31, oldest first; the last is the one reported. */
  messages: Evidence[];
  note: string;
}

/** To whom reports are sealed; id is 8 bytes. */
export interface Team { name: string; id: Bytes; kem: KEM; key: Bytes }

export function encodeReport(r: Report): Bytes {
  const w = new Writer();
  w.number(1, 2, "report");
  w.ref(r.reporter, "reporter");
  w.number(r.reason, 2, "reason");
  w.number(r.childAtRisk ? 1 : 0, 1, "child at risk");
  if (r.messages.length < 1 || r.messages.length > limits.messages) throw new FrankingError("report-size", "messages");
  w.number(r.messages.length, 2, "messages");
  for (const e of r.messages) writeEvidence(w, e);
  w.v32(utf8(r.note, "note"), limits.note, "note");
  const b = w.bytes();
  if (b.length > limits.report) throw new FrankingError("report-size", "report");
  return b;
}

function writeEvidence(w: Writer, e: Evidence): void {
  w.raw(e.key, 32, "message key");
  w.v32(e.content, limits.content, "content");
  w.raw(e.stamp.tag, 32, "tag");
  w.raw(e.stamp.signature, 64, "signature");
  w.v32(e.stamp.context, limits.context, "context");
  const keys = e.attachments ?? [];
  if (keys.length > limits.attachments) throw new FrankingError("length", "attachment keys");
  w.number(keys.length, 2, "attachment keys");
  let last = -1;
  for (const a of keys) {
    if (a.index <= last) throw new FrankingError("non-canonical", "order of attachment keys");
    if (a.key.length === 0 || a.locator === "") throw new FrankingError("empty", "attachment key");
    last = a.index;
    w.number(a.index, 2, "attachment key");
    w.b8(a.key, "attachment key");
    w.v32(utf8(a.locator, "locator"), limits.locator, "locator");
  }
}

/** A report of the last message of history and as many of those before it, up to 30, as fit. */
export function compose(r: Omit<Report, "messages">, history: Evidence[]): Report {
  for (let from = Math.max(0, history.length - limits.messages); ; from++) {
    const report = { ...r, messages: history.slice(from) };
    try {
      encodeReport(report);
      return report;
    } catch (e) {
      if (!(e instanceof FrankingError) || e.problem !== "report-size" || from + 1 >= history.length) throw e;
    }
  }
}

/** Seals a report for the team. entropy is only for tests. */
export async function sealReport(r: Report, to: Team, entropy?: Bytes): Promise<Bytes> {
  const w = new Writer();
  w.number(1, 2, "sealed report");
  w.raw(u16(to.kem.id), 2, "kem");
  w.ref(to.name, "team");
  w.raw(to.id, 8, "key id");
  const header = w.bytes();
  const info = concat(utf8("e2ee-safety/frank/v1/report\0", "label"), header);
  return concat(header, await seal(to.kem, to.key, info, encodeReport(r), entropy));
}
