/** HPKE (RFC 9180), sealing only: base mode, HKDF-SHA256, AES-256-GCM, both by WebCrypto. */
import { concat, utf8, type Bytes } from "./wire.js";

/** A key encapsulation method. entropy is only for tests. */
export interface KEM {
  readonly id: number;
  encapsulate(publicKey: Bytes, entropy?: Bytes): Promise<{ enc: Bytes; shared: Bytes }>;
}

export const u16 = (v: number): Bytes => new Uint8Array([v >> 8, v & 255]);
const none = new Uint8Array(0);

async function hmac(key: Bytes, data: Bytes): Promise<Bytes> {
  // HMAC pads a short key with zeros, and WebCrypto refuses an empty one.
  const k = await crypto.subtle.importKey("raw", key.length ? key : new Uint8Array(32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", k, data));
}

export const labeledExtract = (suite: Bytes, salt: Bytes, label: string, ikm: Bytes): Promise<Bytes> =>
  hmac(salt, concat(utf8("HPKE-v1", ""), suite, utf8(label, ""), ikm));

/** Up to 32 bytes: one block of HKDF-Expand is all that this suite needs. */
export async function labeledExpand(suite: Bytes, prk: Bytes, label: string, info: Bytes, length: number): Promise<Bytes> {
  const block = await hmac(prk, concat(u16(length), utf8("HPKE-v1", ""), suite, utf8(label, ""), info, new Uint8Array([1])));
  return block.slice(0, length);
}

/** Returns the encapsulation followed by the ciphertext. */
export async function seal(kem: KEM, publicKey: Bytes, info: Bytes, plaintext: Bytes, entropy?: Bytes): Promise<Bytes> {
  const { enc, shared } = await kem.encapsulate(publicKey, entropy);
  const suite = concat(utf8("HPKE", ""), u16(kem.id), u16(1), u16(2));
  const context = concat(new Uint8Array([0]),
    await labeledExtract(suite, none, "psk_id_hash", none),
    await labeledExtract(suite, none, "info_hash", info));
  const secret = await labeledExtract(suite, shared, "secret", none);
  const key = await labeledExpand(suite, secret, "key", context, 32);
  const iv = await labeledExpand(suite, secret, "base_nonce", context, 12);
  const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return concat(enc, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, aes, plaintext)));
}
