import { expect, it } from 'vitest'
import { CoverTimer } from '../src/lib/cover'

it('covers after its seconds and warns once, shortly before', () => {
  const t = new CoverTimer(8)
  t.start(0)
  expect(t.left(0)).toBe(8)
  expect(t.warn(4900)).toBe(false)
  expect(t.warn(5100)).toBe(true)
  expect(t.warn(5200)).toBe(false)
  expect(t.expired(7999)).toBe(false)
  expect(t.expired(8000)).toBe(true)
})

it('is extended by at least 20 seconds, as often as asked', () => {
  const t = new CoverTimer(8)
  t.start(0)
  t.extend(7000)
  expect(t.left(7000)).toBe(20)
  expect(t.warn(24_500)).toBe(true)
  t.extend(25_000)
  expect(t.expired(44_999)).toBe(false)
  expect(t.warn(42_500)).toBe(true)
})

it('never gets shorter by an extension', () => {
  const t = new CoverTimer(120)
  t.start(0)
  t.extend(1000)
  expect(t.left(1000)).toBe(120)
})
