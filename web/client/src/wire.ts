/** What can be wrong; the same names as the Go package's errors. */
export type Problem =
  | "version" | "truncated" | "trailing" | "length" | "text" | "empty" | "range" | "non-canonical"
  | "commitment" | "signature" | "audience" | "sender" | "conversation" | "attachment"
  | "replayed" | "reordered" | "key-unknown" | "key-week"
  | "report-size" | "report-key" | "reporter";

/** An error with its name. It never holds content. */
export class FrankingError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem, where: string) {
    super(`franking: ${problem}: ${where}`);
    this.name = "FrankingError";
    this.problem = problem;
  }
}

/** Bytes over memory that is not shared: what WebCrypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

export const limits = {
  text: 255, body: 64 << 10, attachments: 100, content: 128 << 10, context: 788,
  messages: 31, note: 8 << 10, locator: 2 << 10, report: 1 << 20,
} as const;

export const maxTime = 253402300799999; // the last millisecond of the year 9999
const encoder = new TextEncoder();
const fail = (problem: Problem, where: string): never => { throw new FrankingError(problem, where); };

/** The bytes of a text that is well formed: half a surrogate pair would be replaced silently. */
export function utf8(s: string, where: string): Bytes {
  const b = encoder.encode(s);
  if (text(b, where) !== s) fail("text", where);
  return b;
}

function text(b: Uint8Array, where: string): string {
  try {
    // A byte order mark is a character like others.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(b);
  } catch {
    return fail("text", where);
  }
}

export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) { out.set(p, at); at += p.length; }
  return out;
}

/** Takes as long for any two arrays of one length. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let d = 0;
  for (let i = 0; i < a.length; i++) d |= a[i]! ^ b[i]!;
  return d === 0;
}

/** Appends big-endian fields. */
export class Writer {
  private readonly parts: Uint8Array[] = [];
  raw(b: Uint8Array, length: number, where: string): void {
    if (b.length !== length) fail("length", where);
    this.parts.push(b);
  }
  number(v: number, bytes: 1 | 2 | 4, where: string): void {
    if (!Number.isInteger(v) || v < 0 || v >= 2 ** (8 * bytes)) fail("range", where);
    const b = new Uint8Array(4);
    new DataView(b.buffer).setUint32(0, v);
    this.parts.push(b.subarray(4 - bytes));
  }
  u64(v: bigint, where: string): void {
    if (v < 0n || v >> 64n !== 0n) fail("range", where);
    const b = new Uint8Array(8);
    new DataView(b.buffer).setBigUint64(0, v);
    this.parts.push(b);
  }
  upto(v: number, limit: number, where: string): void {
    if (!Number.isSafeInteger(v) || v < 0 || v > limit) fail("range", where);
    this.u64(BigInt(v), where);
  }
  v8(s: string, where: string): void {
    const b = utf8(s, where);
    this.b8(b, where);
  }
  b8(b: Uint8Array, where: string): void {
    if (b.length > limits.text) fail("length", where);
    this.number(b.length, 1, where);
    this.parts.push(b);
  }
  ref(s: string, where: string): void {
    if (s === "") fail("empty", where);
    this.v8(s, where);
  }
  v32(b: Uint8Array, limit: number, where: string): void {
    if (b.length > limit) fail("length", where);
    this.number(b.length, 4, where);
    this.parts.push(b);
  }
  bytes(): Bytes { return concat(...this.parts); }
}

/** Takes big-endian fields. */
export class Reader {
  private at = 0;
  constructor(private readonly b: Uint8Array) {}
  raw(n: number, where: string): Bytes {
    if (n > this.b.length - this.at) fail("truncated", where);
    this.at += n;
    return this.b.slice(this.at - n, this.at) as Bytes;
  }
  private view(n: number, where: string): DataView { return new DataView(this.raw(n, where).buffer); }
  u8(where: string): number { return this.view(1, where).getUint8(0); }
  u16(where: string): number { return this.view(2, where).getUint16(0); }
  u64(where: string): bigint { return this.view(8, where).getBigUint64(0); }
  upto(limit: number, where: string): number {
    const v = this.u64(where);
    return v > BigInt(limit) ? fail("range", where) : Number(v);
  }
  version(where: string): void { if (this.u16(where) !== 1) fail("version", where); }
  v8(where: string): string { return text(this.raw(this.u8(where), where), where); }
  ref(where: string): string { return this.v8(where) || fail("empty", where); }
  v32(limit: number, where: string): Bytes {
    const n = this.view(4, where).getUint32(0);
    return n > limit ? fail("length", where) : this.raw(n, where);
  }
  count(limit: number, where: string): number {
    const n = this.u16(where);
    return n > limit ? fail("length", where) : n;
  }
  rest(): Bytes { return this.raw(this.b.length - this.at, ""); }
  end(where: string): void { if (this.at !== this.b.length) fail("trailing", where); }
}
