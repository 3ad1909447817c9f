import { describe, expect, it } from 'vitest'
import type { KeptMessage, Mark, Span } from '../src/api/conversations'
import { before, pause, pieces, ticks, timeScale, turns } from '../src/lib/timeline'

const hour = 3600_000

describe('timeScale', () => {
  it('keeps distances true to each other while no silence stands out', () => {
    const s = timeScale([0, hour, 3 * hour], 0, 300)
    expect([0, hour, 3 * hour].map(s.x)).toEqual([0, 100, 300])
    expect(s.x(2 * hour)).toBe(200)
    expect(s.breaks).toEqual([])
  })
  it('cuts a long silence short and says how long it was', () => {
    const t = [0, 1, 2, 3, 300, 301].map((h) => h * hour)
    const s = timeScale(t, 0, 700)
    expect(s.breaks.map((b) => b.label)).toEqual(['12 d'])
    expect(s.breaks[0]!.to - s.breaks[0]!.from).toBeCloseTo(300)
    expect(s.x(300 * hour)).toBe(s.breaks[0]!.to)
  })
  it('never goes back, and stays within its ends', () => {
    const t = [5, 5, 1, 1000, 1001, 90_000, 90_001, NaN].map((m) => m * 1000)
    const s = timeScale(t, 10, 200)
    let last = -1
    for (let at = -1000; at < 92_000_000; at += 7000) {
      const x = s.x(at)
      expect(x).toBeGreaterThanOrEqual(Math.max(last, 10))
      expect(x).toBeLessThanOrEqual(200.000001)
      last = x
    }
  })
  it('keeps close marks apart', () => {
    const s = timeScale([0, 1, 2, 100 * hour], 0, 1200)
    expect(s.x(1) - s.x(0)).toBeGreaterThan(50)
  })
  it('puts one time, or none, into the middle', () => {
    expect(timeScale([7], 0, 100).x(7)).toBe(50)
    expect(timeScale([], 0, 100).x(7)).toBe(50)
  })
})

const mark = (score: number, value: number, o: Partial<Mark> = {}): Mark => ({ event_id: 'e', at: '2026-11-01T00:00:00Z', from: 'actor', indicators: [{ name: 'asks_age', value }], score, tier: 'none', kept: true, fast: [], refuses: false, media: false, ...o })

it('says what the score was before each mark', () => {
  const day = (d: number) => ({ at: `2026-11-0${d}T00:00:00Z` })
  expect(before([mark(2, 2, day(1)), mark(3.5, 1.5, day(2)), mark(3, 1, day(3)), mark(9, 1, day(4))])).toEqual([0, 2, 2, 3])
  expect(before([mark(1, 3)])).toEqual([0])
  // a sign that has reached its most adds less than it says
  expect(before([mark(14.6, 3), mark(14.9, 3)])).toEqual([0, 14.6])
})

it('names the first of each tier, and what was fast', () => {
  const m = [mark(1, 1), mark(3, 2, { tier: 'tip' }), mark(3, 0, { tier: 'tip' }), mark(7, 4, { tier: 'review', fast: ['threat_and_demand'] }), mark(6, 0, { tier: 'friction' })]
  expect([...turns(m)]).toEqual([[1, 'tip'], [3, 'fast']])
})

it('labels an axis by days, or by times within one day, with room between', () => {
  const day = (d: number, h = 12) => new Date(2026, 10, d, h).getTime()
  expect(ticks([day(1), day(1, 13), day(2), day(9)], (t) => (t - day(1)) / hour, 30).map((t) => t.label)).toEqual(['11-01', '11-09'])
  expect(ticks([day(1, 8), day(1, 9)], (t) => (t - day(1, 8)) / 30_000, 50).map((t) => t.label)).toEqual(['08:00', '09:00'])
})

describe('pieces', () => {
  const cut = (text: string, ...spans: [number, number, string][]) =>
    pieces({ text, spans: spans.map(([from, to, indicator]): Span => ({ from, to, indicator })) }).map((p) => [p.text, p.indicators.join('+')])
  it('cuts by bytes, not by characters', () => {
    expect(cut('né 😀 how old', [8, 15, 'asks_age'])).toEqual([['né 😀', ''], [' how ol', 'asks_age'], ['d', '']])
    expect(cut('é', [1, 2, 'a'])).toEqual([['é', 'a']])
  })
  it('lets places overlap, and bears what is beyond the end', () => {
    expect(cut('abcdef', [0, 4, 'x'], [2, 99, 'y'])).toEqual([['ab', 'x'], ['cd', 'x+y'], ['ef', 'y']])
    expect(cut('abc', [-5, 1, 'x'], [2, 1, 'z'])).toEqual([['a', 'x'], ['bc', '']])
    expect(cut('')).toEqual([])
  })
  it('loses nothing but the signs that turn the direction', () => {
    const text = 'a\u202Eb\u0000c\nd'
    expect(cut(text, [1, 3, 'x']).map((p) => p[0]).join('')).toBe('a\ufffdb\ufffdc\nd')
  })
})

it('says how long a silence was, not every minute', () => {
  const at = (iso: string) => ({ at: iso }) as KeptMessage
  expect(pause(undefined, at('2026-11-01T00:00:00Z'))).toBe('')
  expect(pause(at('2026-11-01T00:00:00Z'), at('2026-11-01T00:30:00Z'))).toBe('')
  expect(pause(at('2026-11-01T00:00:00Z'), at('2026-11-04T00:30:00Z'))).toBe('3 d later')
})
