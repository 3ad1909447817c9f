// When a shown picture must be covered again. Pure: time is passed in.

export class CoverTimer {
  private until = 0
  private warned = false

  constructor(private seconds: number) {}

  start(now: number) {
    this.until = now + this.seconds * 1000
    this.warned = false
  }

  /** Adds time: at least 20 s from now, and never less than what was left. */
  extend(now: number) {
    this.until = Math.max(this.until, now + Math.max(20, this.seconds) * 1000)
    this.warned = false
  }

  left(now: number): number {
    return Math.max(0, Math.ceil((this.until - now) / 1000))
  }

  expired(now: number): boolean {
    return now >= this.until
  }

  /** True once, shortly before the end, so that the end can be announced. */
  warn(now: number): boolean {
    if (this.warned || this.until - now > 3000) return false
    this.warned = true
    return true
  }
}
