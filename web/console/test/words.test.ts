import { describe, expect, it } from 'vitest'
import type { Finding, Item } from '../src/api/types'
import { ageTable, altText, bytes, clockWords, duration, findingWords, stepOf, steps } from '../src/lib/words'

const finding = (o: Partial<Finding>): Finding => ({ detector: 'pdq/1', list: 'x', kind: 'illegal', match: 'near', variant: 'original', frame: 0, ...o })

describe('findingWords', () => {
  it('says exact, near, turned and which frame', () => {
    expect(findingWords(finding({ match: 'exact' })).what).toBe('Exact copy of an entry on list “x”')
    expect(findingWords(finding({ variant: 'flipY' })).what).toBe('Near copy of an entry on list “x”, found when mirrored')
    expect(findingWords(finding({ frame: 3 })).what).toBe('Near copy of an entry on list “x”, in frame 4')
  })
  it('shows an unknown variant rather than hiding it', () => {
    expect(findingWords(finding({ variant: 'skewed' })).what).toContain('found when skewed')
  })
})

it('names a picture by place, state and size only', () => {
  const item = { media: { format: 'png', width: 1024, height: 768, frames: 1, size: 1 } } as Item
  expect(altText(item, 0, 3, 'covered')).toBe('Item 1 of 3, covered, 1,024 × 768')
})

it('says durations and sizes', () => {
  expect([30e3, 5 * 60e3, 92 * 60e3, 11 * 3600e3, 35 * 3600e3, 9 * 86400e3].map(duration)).toEqual(['under a minute', '5 min', '1 h 32 min', '11 h', '1 d 11 h', '9 d'])
  expect([12, 2300, 212_345, 1_345_000].map(bytes)).toEqual(['12 B', '2.3 kB', '212 kB', '1.3 MB'])
})

it('places every state of a report on the steps', () => {
  for (const s of ['draft', 'approved', 'opening', 'open', 'sealed'] as const) expect(steps[stepOf(s).now], s).toBeDefined()
  expect(stepOf('filed')).toEqual({ done: steps.length, now: -1 })
  expect(stepOf('withdrawn').done).toBe(0)
})

it('counts waiting cases by priority and age', () => {
  const now = Date.parse('2026-11-23T12:00:00Z')
  const at = (h: number) => new Date(now - h * 3600e3).toISOString()
  const t = ageTable([{ priority: 'P1', opened_at: at(0.5) }, { priority: 'P1', opened_at: at(2) }, { priority: 'P3', opened_at: at(50) }], now)
  expect(t).toEqual({ P1: [1, 1, 0, 0], P2: [0, 0, 0, 0], P3: [0, 0, 0, 1] })
})

it('says where in a video a match is', () => {
  expect([0, 12_400, 61_000, 3_723_000].map(clockWords)).toEqual(['0:00', '0:12', '1:01', '1:02:03'])
  expect(findingWords(finding({ detector: 'vpdq/1', list: 'films', frame: 12, from_ms: 12_000, to_ms: 31_000 })).what).toBe('Near copy of an entry on list “films”, from 0:12 to 0:31')
})
