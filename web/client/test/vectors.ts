import { readFileSync } from "node:fs";
import type { Bytes } from "../src/wire.js";

const root = new URL("../../../../franking/testdata/", import.meta.url); // from build/test

export interface Vector { name: string; key: string; content: string; commitment: string; tag: string; signature: string; context: string; peer_sender: string; peer_conversation: string; receive: string; outcome: string }
export interface Vectors { origin: string; public: string; messages: Vector[]; decode: { name: string; type: string; bytes: string; error: string }[] }
export interface Sealed { name: string; kem: "x25519" | "xwing"; public: string; entropy: string; plain: string; sealed: string }

export const load = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, root), "utf8")) as T;

/** Hexadecimal with runs: "61*3" is three times 61. */
export function unhex(s: string): Bytes {
  const parts = s.split(/\s+/).filter(Boolean).map((p) => {
    const [h = "", n = "1"] = p.split("*");
    return h.repeat(Number(n));
  });
  return Uint8Array.from((parts.join("").match(/../g) ?? []).map((b) => parseInt(b, 16)));
}

export const hex = (b: Uint8Array): string => Array.from(b, (v) => v.toString(16).padStart(2, "0")).join("");
