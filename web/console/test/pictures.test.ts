import { expect, test } from 'vitest'
import type { Item } from '../src/api/types'
import { pictures, placeOf } from '../src/lib/pictures'

const item = (id: string, picture?: string, destroyed?: boolean) =>
  ({ id, picture_id: picture, evidence: destroyed === undefined ? undefined : { id: `e${id}`, destroyed } }) as unknown as Item

test('copies stand with the first that can be looked at', () => {
  const all = [item('1', 'p'), item('2', 'q', false), item('3', 'p', true), item('4', 'p', false), item('5'), item('6')]
  const got = pictures(all)
  expect(got.map((p) => [p.lead.id, ...p.copies.map((c) => c.id)])).toEqual([['4', '1', '3'], ['2'], ['5'], ['6']])
  expect(placeOf(got, all[2]!)).toBe(0)
  expect(placeOf(got, all[5]!)).toBe(3)
})

test('no items', () => {
  expect(pictures([])).toEqual([])
})
