import { x25519 as curve } from "@noble/curves/ed25519.js";
import { labeledExpand, labeledExtract, u16, type KEM } from "./hpke.js";
import { concat, utf8, type Bytes } from "./wire.js";

/** DHKEM(X25519, HKDF-SHA256): the smallest page. Entropy is the ephemeral secret key. */
export const x25519: KEM = {
  id: 0x0020,
  async encapsulate(publicKey, entropy) {
    const secret = entropy ?? curve.utils.randomSecretKey();
    const enc = curve.getPublicKey(secret) as Bytes;
    const dh = curve.getSharedSecret(secret, publicKey) as Bytes; // throws on an all-zero result
    const suite = concat(utf8("KEM", ""), u16(0x0020));
    const prk = await labeledExtract(suite, new Uint8Array(0), "eae_prk", dh);
    return { enc, shared: await labeledExpand(suite, prk, "shared_secret", concat(enc, publicKey), 32) };
  },
};
