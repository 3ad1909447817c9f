/**
 * Sender and receiver of franked messages, version 1 (docs/franking.md). The
 * encryption is the messenger's; it must authenticate the commitment as associated
 * data. SHA-256 and HMAC are WebCrypto's, Ed25519 is noble's: not every browser
 * in use has it, and engines differ in which odd signatures they take.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { FrankingError, Reader, Writer, concat, equal, limits, maxTime, utf8, type Bytes } from "./wire.js";

export { FrankingError, type Bytes, type Problem } from "./wire.js";
export { Sequence } from "./sequence.js";

/** A file that travels beside a message. */
export interface Attachment {
  /** SHA-256 of the file, 32 bytes. */
  plain: Bytes;
  /** SHA-256 of what the service stores, encrypted, 32 bytes. */
  cipher: Bytes;
  /** Bytes of the file. */
  size: number;
  type: string;
}

/** A message as its sender wrote it. */
export interface Content {
  sender: string;
  conversation: string;
  /** 16 bytes, unique in the conversation. */
  id: Bytes;
  /** Milliseconds since 1970 by the sender's own clock: a claim. */
  sentAt: number;
  type: string;
  body: Bytes;
  attachments: Attachment[];
}

/** What the hub knows of a message by itself. */
export interface Context {
  key: Bytes;
  origin: string;
  sender: string;
  conversation: string;
  seq: bigint;
  /** Milliseconds since 1970 by the hub's clock. */
  acceptedAt: number;
  sizeClass: number;
}

/** What the hub adds to a message; context is a Context's bytes as signed. */
export interface Stamp { tag: Bytes; signature: Bytes; context: Bytes }

/** A message with what proves it, for a report. */
export interface Evidence {
  key: Bytes;
  content: Bytes;
  stamp: Stamp;
  attachments?: { index: number; key: Bytes; locator: string }[];
}

/** A public key of the hub, and when it signs: from the first moment to the one after the last. */
export interface VerifyKey { public: Bytes; from: number; until?: number }

export function encodeContent(c: Content): Bytes {
  const w = new Writer();
  w.number(1, 2, "content");
  w.ref(c.sender, "sender");
  w.ref(c.conversation, "conversation");
  w.raw(c.id, 16, "message id");
  w.upto(c.sentAt, maxTime, "time sent");
  w.v8(c.type, "type");
  w.v32(c.body, limits.body, "body");
  if (c.attachments.length > limits.attachments) throw new FrankingError("length", "attachments");
  w.number(c.attachments.length, 2, "attachments");
  for (const a of c.attachments) {
    w.raw(a.plain, 32, "attachment");
    w.raw(a.cipher, 32, "attachment");
    w.upto(a.size, Number.MAX_SAFE_INTEGER, "attachment size");
    w.v8(a.type, "attachment type");
  }
  return w.bytes();
}

export function parseContent(b: Uint8Array): Content {
  if (b.length > limits.content) throw new FrankingError("length", "content");
  const r = new Reader(b);
  r.version("content");
  const c: Content = {
    sender: r.ref("sender"), conversation: r.ref("conversation"), id: r.raw(16, "message id"),
    sentAt: r.upto(maxTime, "time sent"), type: r.v8("type"), body: r.v32(limits.body, "body"), attachments: [],
  };
  for (let n = r.count(limits.attachments, "attachments"); n > 0; n--) {
    c.attachments.push({
      plain: r.raw(32, "attachment"), cipher: r.raw(32, "attachment"),
      size: r.upto(Number.MAX_SAFE_INTEGER, "attachment size"), type: r.v8("attachment type"),
    });
  }
  r.end("content");
  return c;
}

export function encodeContext(c: Context): Bytes {
  const w = new Writer();
  w.number(1, 2, "context");
  w.raw(c.key, 8, "key id");
  w.ref(c.origin, "origin");
  w.ref(c.sender, "sender");
  w.ref(c.conversation, "conversation");
  w.u64(c.seq, "sequence number");
  w.upto(c.acceptedAt, maxTime, "time accepted");
  w.number(c.sizeClass, 1, "size class");
  return w.bytes();
}

export function parseContext(b: Uint8Array): Context {
  if (b.length > limits.context) throw new FrankingError("length", "context");
  const r = new Reader(b);
  r.version("context");
  const c: Context = {
    key: r.raw(8, "key id"), origin: r.ref("origin"), sender: r.ref("sender"), conversation: r.ref("conversation"),
    seq: r.u64("sequence number"), acceptedAt: r.upto(maxTime, "time accepted"), sizeClass: r.u8("size class"),
  };
  r.end("context");
  return c;
}

export const encodeStamp = (s: Stamp): Bytes => concat(s.tag, s.signature, s.context);

export function parseStamp(b: Uint8Array): Stamp {
  const r = new Reader(b);
  const s = { tag: r.raw(32, "tag"), signature: r.raw(64, "signature"), context: r.rest() };
  parseContext(s.context);
  return s;
}

async function commit(key: Bytes, content: Uint8Array): Promise<Bytes> {
  const k = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const label = utf8("e2ee-safety/frank/v1/commit\0", "label");
  return new Uint8Array(await crypto.subtle.sign("HMAC", k, concat(label, content)));
}

/** Commits to a content. The payload goes into the encryption, the commitment beside it. */
export async function frank(c: Content, key: Bytes = crypto.getRandomValues(new Uint8Array(32))): Promise<{ payload: Bytes; commitment: Bytes }> {
  if (key.length !== 32) throw new FrankingError("length", "message key");
  const content = encodeContent(c);
  return { payload: concat(key, content), commitment: await commit(key, content) };
}

/** A message that may be shown. */
export interface Received { content: Content; context: Context; evidence: Evidence }

/** Whom the end-to-end session says a message is from. */
export interface Peer { sender: string; conversation: string }

/**
 * Checks messages before they are shown. After an error the message must not be
 * shown; offer to report it as broken. Each file still goes through checkFile, and
 * the context through Sequence.
 */
export class Receiver {
  constructor(private readonly origin: string, private readonly keys: readonly VerifyKey[]) {}

  async verify(payload: Uint8Array, commitment: Uint8Array, stamp: Stamp, from: Peer): Promise<Received> {
    const e = broken(payload, stamp);
    const content = parseContent(e.content);
    if (!equal(await commit(e.key, e.content), commitment)) throw new FrankingError("commitment", "message");
    const context = this.authentic(stamp);
    inWeek(context);
    const same = (part: "sender" | "conversation") => {
      if (content[part] !== context[part] || from[part] !== context[part]) throw new FrankingError(part, "message");
    };
    same("sender");
    same("conversation");
    return { content, context, evidence: e };
  }

  private authentic(s: Stamp): Context {
    const c = parseContext(s.context);
    if (c.origin !== this.origin) throw new FrankingError("audience", "stamp");
    const signed = concat(utf8("e2ee-safety/frank/v1/sig\0", "label"), s.tag, s.context);
    const ok = this.keys.some((k) => c.acceptedAt >= k.from && (k.until === undefined || c.acceptedAt < k.until)
      && verifies(s.signature, signed, k.public));
    if (!ok) throw new FrankingError("signature", "stamp");
    return c;
  }
}

function verifies(signature: Bytes, message: Bytes, key: Bytes): boolean {
  try {
    return ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

/** Evidence of a message that was refused, so that it can be reported all the same. */
export function broken(payload: Uint8Array, stamp: Stamp): Evidence {
  const r = new Reader(payload);
  const key = r.raw(32, "payload");
  return { key, content: r.rest(), stamp };
}

/** The key id of a moment's week. */
export function weekKey(ms: number): string {
  const day = Math.floor(ms / 86400000) + 3; // days since the Monday before 1970
  const monday = day - (day % 7) - 3;
  const year = new Date((monday + 3) * 86400000).getUTCFullYear(); // a week's year is its Thursday's
  const week = Math.floor((monday + 3 - Date.UTC(year, 0, 1) / 86400000) / 7) + 1;
  return `${String(year).padStart(4, "0")}w${String(week).padStart(2, "0")}1`;
}

function inWeek(c: Context): void {
  const id = String.fromCharCode(...c.key);
  const m = /^(\d{4})w(\d{2})[1-9]$/.exec(id);
  // A year has a week 53 only if its 28 December, which is in its last week, says so.
  const last = m ? Number(weekKey(Date.UTC(Number(m[1]), 11, 28)).slice(5, 7)) : 0;
  if (!m || Number(m[1]) < 1970 || Number(m[2]) < 1 || Number(m[2]) > last) throw new FrankingError("key-unknown", "stamp");
  if (weekKey(c.acceptedAt).slice(0, 7) !== id.slice(0, 7)) throw new FrankingError("key-week", "stamp");
}

/** Checks a file, decrypted, before it is shown. */
export async function checkFile(a: Attachment, file: Bytes): Promise<void> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  if (file.length !== a.size || !equal(sum, a.plain)) throw new FrankingError("attachment", "file");
}
