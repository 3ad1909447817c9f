import { expect, it } from 'vitest'
import { detectorWords, fastWords, indicatorPhrase, indicatorWords, signed, stepKind, tieWords } from '../src/lib/indicators'
import detect from '../../../internal/talk/detect.go?raw'
import graph from '../../../internal/conduct/graph.go?raw'
import names from '../../../internal/talk/indicator.go?raw'
import weights from '../../../internal/talk/weights.go?raw'

const quoted = (source: string, after: string) => {
  const from = source.indexOf(after)
  expect(from, after).toBeGreaterThan(0)
  return [...source.slice(from, source.indexOf('}', from + after.length)).matchAll(/"([a-z_]+)"/g)].map((m) => m[1]!)
}

it('has words for every indicator and every term of the server', () => {
  const all = [...quoted(names, 'indicatorNames = '), ...quoted(weights, 'relationNames = '), 'relation_bounded', 'several_families', 'rounding', 'ordinary_messages']
  expect(all.length).toBe(18 + 7 + 4)
  for (const n of all) expect(indicatorPhrase(n), n).not.toBe(n.replaceAll('_', ' '))
})

it('has words for the reasons of the fast detector and for ties', () => {
  const reasons = [...detect.matchAll(/"((?:threat|picture)_[a-z_]+)"/g)].map((m) => m[1]!)
  expect(reasons.length).toBe(3)
  for (const n of reasons) expect(fastWords(n), n).not.toBe(n.replaceAll('_', ' '))
  const kinds = quoted(graph, 'tieNames = ')
  expect(kinds.length).toBe(6)
  for (const n of kinds) expect(tieWords(n, 2), n).toMatch(/^2 \S+/)
  expect(tieWords('device', 1)).toBe('1 device')
})

it('shows a code that it does not know', () => {
  expect(indicatorWords('asks_something_new')).toBe('Asks something new')
  expect(stepKind('constructor')).toBe('constructor')
  expect(detectorWords('another')).toBe('another')
})

it('writes signed numbers', () => {
  expect([1.34, -0.7, 0, -0.04, 12].map(signed)).toEqual(['+1.3', '−0.7', '0.0', '0.0', '+12.0'])
})
