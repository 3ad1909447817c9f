import { asProblem, type Problem } from '../api/client'
import type { Page } from '../api/types'

/** One answer of the API: what came, or why nothing came. Never both silent. */
export class Resource<T> {
  value = $state.raw<T>()
  problem = $state.raw<Problem>()
  busy = $state(false)
  private turn = 0

  constructor(private fetcher: () => Promise<T>) {}

  load = async (): Promise<void> => {
    const turn = ++this.turn
    this.busy = true
    try {
      const v = await this.fetcher()
      if (turn !== this.turn) return
      this.value = v
      this.problem = undefined
    } catch (e) {
      if (turn === this.turn) this.problem = asProblem(e)
    } finally {
      if (turn === this.turn) this.busy = false
    }
  }

  set(v: T) {
    this.turn++
    this.busy = false
    this.value = v
    this.problem = undefined
  }
}

/** A list that comes in pages; more is fetched only when asked for. */
export class Paged<T> {
  items = $state.raw<T[]>()
  cursor = $state<string>()
  problem = $state.raw<Problem>()
  busy = $state(false)
  private turn = 0

  constructor(private fetcher: (cursor?: string) => Promise<Page<T>>) {}

  load = () => this.fetch(undefined)
  more = () => this.fetch(this.cursor)

  private async fetch(cursor?: string): Promise<void> {
    const turn = ++this.turn
    this.busy = true
    try {
      const p = await this.fetcher(cursor)
      if (turn !== this.turn) return
      this.items = cursor ? [...(this.items ?? []), ...p.items] : p.items
      this.cursor = p.next_cursor || undefined
      this.problem = undefined
    } catch (e) {
      if (turn === this.turn) this.problem = asProblem(e)
    } finally {
      if (turn === this.turn) this.busy = false
    }
  }
}

/** Calls f now and again while the page is visible. Use as an effect's body. */
export function every(ms: number, f: () => void): () => void {
  const t = setInterval(() => document.hidden || f(), ms)
  return () => clearInterval(t)
}
