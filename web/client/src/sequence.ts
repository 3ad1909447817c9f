import { FrankingError } from "./wire.js";
import type { Context } from "./franking.js";

const windowSize = 256n;
const maxSkew = 60_000;

/** What a receiver remembers of one conversation: see Sequence in the Go package. */
export class Sequence {
  private highest = 0n;
  private latest = 0;
  private seen = 0n; // bit i: highest-i was seen

  /** Takes note of an authentic stamp; after an error nothing has changed. */
  accept(c: Pick<Context, "seq" | "acceptedAt">): { missing: bigint; late: boolean } {
    const first = this.seen === 0n;
    if (first || c.seq > this.highest) return this.advance(c, first);
    const back = this.highest - c.seq;
    const again = back < windowSize && ((this.seen >> back) & 1n) === 1n;
    if (again) throw new FrankingError("replayed", "stamp");
    if (back >= windowSize || c.acceptedAt > this.latest + maxSkew) throw new FrankingError("reordered", "stamp");
    this.seen |= 1n << back;
    return { missing: 0n, late: true };
  }

  private advance(c: Pick<Context, "seq" | "acceptedAt">, first: boolean): { missing: bigint; late: boolean } {
    if (!first && c.acceptedAt < this.latest - maxSkew) throw new FrankingError("reordered", "stamp");
    const step = first ? 1n : c.seq - this.highest;
    this.seen = step >= windowSize ? 1n : BigInt.asUintN(256, this.seen << step) | 1n;
    this.highest = c.seq;
    this.latest = c.acceptedAt;
    return { missing: step - 1n, late: false };
  }
}
