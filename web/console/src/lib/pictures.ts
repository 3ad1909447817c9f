import type { Item } from '../api/types'

/** A picture, and the other items of the case that are copies of it. */
export interface Picture {
  lead: Item
  copies: Item[]
}

/**
 * The items of a case by picture, in the order in which they came. The one that
 * stands for a picture is one that can be looked at, if there is any.
 */
export function pictures(items: Item[]): Picture[] {
  const groups = new Map<string, Item[]>()
  for (const i of items) {
    const key = i.picture_id || `item ${i.id}`
    const g = groups.get(key)
    if (g) g.push(i)
    else groups.set(key, [i])
  }
  return [...groups.values()].map((g) => {
    const lead = g.find((i) => i.evidence && !i.evidence.destroyed) ?? g[0]!
    return { lead, copies: g.filter((i) => i !== lead) }
  })
}

/** Where an item's picture stands among the pictures of its case. */
export const placeOf = (all: Picture[], i: Item) => all.findIndex((p) => p.lead === i || p.copies.includes(i))
