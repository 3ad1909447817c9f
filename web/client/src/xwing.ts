import { ml_kem768_x25519 } from "@noble/post-quantum/hybrid.js";
import type { KEM } from "./hpke.js";
import type { Bytes } from "./wire.js";

/** X-Wing (ML-KEM-768 with X25519): stays closed when quantum computers come. Entropy is 64 bytes. */
export const xwing: KEM = {
  id: 0x647a,
  async encapsulate(publicKey, entropy) {
    const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey, entropy);
    return { enc: cipherText as Bytes, shared: sharedSecret as Bytes };
  },
};
