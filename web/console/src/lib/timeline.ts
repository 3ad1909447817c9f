// Where things stand on the line of time of a conversation, and what its curve is.
// Pure: numbers in, numbers out.

import type { KeptMessage, Mark } from '../api/conversations'
import { duration } from './words'

/** A stretch of silence that is drawn shorter than it was. */
export interface Break {
  from: number // in pixels
  to: number
  label: string
}

export interface TimeScale {
  /** The place of a time, in pixels from the left. */
  x: (t: number) => number
  breaks: Break[]
}

const minute = 60_000

/**
 * A line of time from a list of times: distances are true to each other, but a
 * silence that is far longer than the long ones among them is cut short and labelled,
 * and what follows closely is kept apart.
 */
export function timeScale(times: number[], left: number, right: number): TimeScale {
  const at = [...new Set(times.filter(Number.isFinite))].sort((a, b) => a - b)
  if (at.length < 2) return { x: () => (left + right) / 2, breaks: [] }
  const gaps = at.slice(1).map((t, i) => t - at[i]!)
  const long = [...gaps].sort((a, b) => a - b)[Math.floor(0.75 * (gaps.length - 1))]!
  const most = Math.max(3 * long, minute)
  const cut = gaps.map((g) => Math.min(g, most))
  const least = Math.max(...cut) / 12
  const wide = cut.map((g) => Math.max(g, least))
  const per = (right - left) / wide.reduce((a, b) => a + b, 0)
  const place = [left]
  for (const w of wide) place.push(place.at(-1)! + w * per)
  return {
    x: (t) => between(at, place, t),
    breaks: gaps.flatMap((g, i) => (g > most ? [{ from: place[i]!, to: place[i + 1]!, label: duration(g) }] : [])),
  }
}

function between(at: number[], place: number[], t: number): number {
  if (!(t > at[0]!)) return place[0]!
  for (let i = 1; i < at.length; i++) {
    if (t <= at[i]!) return place[i - 1]! + ((place[i]! - place[i - 1]!) * (t - at[i - 1]!)) / (at[i]! - at[i - 1]!)
  }
  return place.at(-1)!
}

/**
 * The score just before each mark, as well as it can be told. Between marks a score only
 * fades, so it was at most that of the mark before; what the message itself added is
 * known, or more than it, since what a kind of sign can add has a most. Within an hour
 * nothing to speak of fades.
 */
export function before(marks: Mark[]): number[] {
  return marks.map((m, i) => {
    const prev = marks[i - 1]
    if (!prev) return 0
    const added = m.indicators.reduce((sum, k) => sum + Math.max(0, k.value), 0)
    const soon = Date.parse(m.at) - Date.parse(prev.at) < 60 * minute
    return Math.max(0, Math.min(prev.score, soon ? m.score : m.score - added))
  })
}

/** Marks that lifted the score over a threshold for the first time, or were fast: worth a word on the curve. */
export function turns(marks: Mark[]): Map<number, string> {
  const rank = ['none', 'tip', 'friction', 'review']
  const out = new Map<number, string>()
  let top = 0
  marks.forEach((m, i) => {
    const r = rank.indexOf(m.tier)
    if (r > top) {
      top = r
      out.set(i, m.tier)
    }
    if (m.fast?.length) out.set(i, 'fast')
  })
  return out
}

/** Labels for the axis: the day where it changes, or the time where all is one day; never too close. */
export function ticks(times: number[], x: (t: number) => number, room: number): { x: number; label: string }[] {
  const two = (n: number) => String(n).padStart(2, '0')
  const day = (t: number) => {
    const d = new Date(t)
    return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
  }
  const sameDay = new Set(times.map(day)).size <= 1
  const label = (t: number) => (sameDay ? `${two(new Date(t).getHours())}:${two(new Date(t).getMinutes())}` : day(t).slice(5))
  const out: { x: number; label: string }[] = []
  for (const t of [...times].sort((a, b) => a - b)) {
    const last = out.at(-1)
    if (!last || (x(t) - last.x >= room && label(t) !== last.label)) out.push({ x: x(t), label: label(t) })
  }
  return out
}

/** A piece of a message: plain, or where something was found. */
export interface Piece {
  text: string
  indicators: string[]
}

/**
 * Cuts a message where indicators were found. Places are bytes of UTF-8; one that
 * falls into a character takes the whole of it, one beyond the end is cut off.
 * Characters that turn the direction of what follows are shown, not obeyed.
 */
export function pieces(m: Pick<KeptMessage, 'text' | 'spans'>): Piece[] {
  const out: Piece[] = []
  let byte = 0
  for (const ch of m.text) {
    const size = bytesOf(ch.codePointAt(0)!)
    const here = [...new Set(m.spans.filter((s) => s.from < byte + size && s.to > byte).map((s) => s.indicator))]
    const last = out.at(-1)
    if (last && same(last.indicators, here)) last.text += shown(ch)
    else out.push({ text: shown(ch), indicators: here })
    byte += size
  }
  return out
}

const bytesOf = (c: number) => (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4)
const same = (a: string[], b: string[]) => a.length === b.length && a.every((x, i) => x === b[i])
const shown = (ch: string) => (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(ch) ? '\ufffd' : ch)

/** What stands between two messages: a new day, or a silence worth saying. */
export function pause(prev: KeptMessage | undefined, next: KeptMessage): string {
  if (!prev) return ''
  const gap = Date.parse(next.at) - Date.parse(prev.at)
  return gap >= 60 * minute ? `${duration(gap)} later` : ''
}
