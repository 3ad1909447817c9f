// Which key does what. Pure: the listener is in keys.svelte.ts.

export type Group = 'Case' | 'Classification' | 'Go to' | 'Everywhere'

export interface Action {
  id: string
  group: Group
  label: string
  key: string
  /** Works while typing and when single keys are switched off; cannot be changed. */
  always?: boolean
}

export const actions = [
  { id: 'item-next', group: 'Case', label: 'Next item (next row in a list)', key: 'j' },
  { id: 'item-prev', group: 'Case', label: 'Previous item (previous row in a list)', key: 'k' },
  { id: 'reveal', group: 'Case', label: 'Show or cover the original of this item', key: 'Space' },
  { id: 'hold', group: 'Case', label: 'Keep the shown picture open for longer', key: 'h' },
  { id: 'reason', group: 'Case', label: 'Write the reason', key: 'r' },
  { id: 'confirm', group: 'Case', label: 'Confirm… (asks again before it counts)', key: 'Ctrl+Enter', always: true },
  { id: 'dismiss', group: 'Case', label: 'Not confirmed… (asks again before it counts)', key: 'x' },
  { id: 'undo', group: 'Case', label: 'Undo my decision', key: 'u' },
  { id: 'next-case', group: 'Case', label: 'Take the next case', key: 'n' },
  { id: 'class-A1', group: 'Classification', label: 'NCMEC class A1', key: '1' },
  { id: 'class-A2', group: 'Classification', label: 'NCMEC class A2', key: '2' },
  { id: 'class-B1', group: 'Classification', label: 'NCMEC class B1', key: '3' },
  { id: 'class-B2', group: 'Classification', label: 'NCMEC class B2', key: '4' },
  { id: 'class-none', group: 'Classification', label: 'No NCMEC class', key: '0' },
  { id: 'uk-A', group: 'Classification', label: 'UK category A', key: 'Shift+1' },
  { id: 'uk-B', group: 'Classification', label: 'UK category B', key: 'Shift+2' },
  { id: 'uk-C', group: 'Classification', label: 'UK category C', key: 'Shift+3' },
  { id: 'uk-none', group: 'Classification', label: 'No UK category', key: 'Shift+0' },
  { id: 'go-queue', group: 'Go to', label: 'Queue', key: 'g q' },
  { id: 'go-reports', group: 'Go to', label: 'Reports', key: 'g r' },
  { id: 'go-requests', group: 'Go to', label: 'Requests of law enforcement', key: 'g e' },
  { id: 'go-takedowns', group: 'Go to', label: 'Takedowns', key: 'g t' },
  { id: 'go-lists', group: 'Go to', label: 'Lists', key: 'g l' },
  { id: 'go-measures', group: 'Go to', label: 'Measures', key: 'g m' },
  { id: 'go-activity', group: 'Go to', label: 'Activity', key: 'g a' },
  { id: 'go-people', group: 'Go to', label: 'People and keys', key: 'g p' },
  { id: 'go-settings', group: 'Go to', label: 'Settings', key: 'g s' },
  { id: 'help', group: 'Everywhere', label: 'This sheet', key: '?' },
  { id: 'cover', group: 'Everywhere', label: 'Cover everything', key: 'Escape', always: true },
] as const satisfies readonly Action[]

export type ActionId = (typeof actions)[number]['id']
export type Keymap = Record<ActionId, string>

export const defaults = Object.fromEntries(actions.map((a) => [a.id, a.key])) as Keymap

export const groups: Group[] = ['Case', 'Classification', 'Go to', 'Everywhere']

export function action(id: ActionId): Action {
  return actions.find((a) => a.id === id)!
}

interface KeyLike {
  key: string
  code: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
  shiftKey: boolean
}

/** The name of one key press, or '' for a press that names nothing (a modifier alone, a dead key). */
export function keyName(e: KeyLike): string {
  if (e.altKey || ['Shift', 'Control', 'Alt', 'Meta', 'AltGraph', 'Dead', 'Process', 'Unidentified'].includes(e.key)) return ''
  const ctrl = e.ctrlKey || e.metaKey ? 'Ctrl+' : ''
  const digit = /^Digit(\d)$/.exec(e.code)?.[1]
  if (digit !== undefined && (e.shiftKey || /^\d$/.test(e.key))) return ctrl + (e.shiftKey ? 'Shift+' : '') + digit
  if (e.key === ' ') return ctrl + 'Space'
  if (e.key.length === 1) {
    const letter = e.key.toLowerCase() !== e.key.toUpperCase()
    return ctrl + (letter && e.shiftKey ? 'Shift+' : '') + e.key.toLowerCase()
  }
  return ctrl + (e.shiftKey ? 'Shift+' : '') + e.key
}

/** Puts what was stored over the defaults; anything that is not a known action is dropped. */
export function withStored(stored: unknown): Keymap {
  const map = { ...defaults }
  if (stored && typeof stored === 'object') {
    for (const a of actions) {
      const k = (stored as Record<string, unknown>)[a.id]
      if (!('always' in a) && typeof k === 'string' && validKey(k)) map[a.id] = k
    }
  }
  return map
}

/** A key may be one press or two presses in a row; keys that the browser or the page need are refused. */
export function validKey(k: string): boolean {
  const steps = k.split(' ')
  if (steps.length < 1 || steps.length > 2) return false
  return steps.every((s) => s !== '' && !reserved.has(s) && !s.startsWith('Ctrl+'))
}

const reserved = new Set(['Tab', 'Shift+Tab', 'Enter', 'Shift+Enter', 'Escape', 'Backspace', 'Delete', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End'])

/** Another action whose key would be hidden by, or would hide, this one. */
export function conflict(map: Keymap, id: ActionId, key: string): ActionId | undefined {
  const first = key.split(' ')[0]
  for (const a of actions) {
    if (a.id === id) continue
    const k = map[a.id]
    if (k === key) return a.id
    const otherFirst = k.split(' ')[0]
    const mixed = k.includes(' ') !== key.includes(' ')
    if (mixed && first === otherFirst) return a.id
  }
  return undefined
}

/** Follows key presses; a two-press key must be finished within `patience` ms. */
export class Matcher {
  private pending = ''
  private since = 0

  constructor(private patience = 1200) {}

  press(map: Keymap, name: string, now: number): ActionId | undefined {
    const prefix = this.pending && now - this.since <= this.patience ? this.pending : ''
    this.pending = ''
    if (prefix) {
      const two = find(map, `${prefix} ${name}`)
      if (two) return two
    }
    const one = find(map, name)
    if (one) return one
    if (actions.some((a) => map[a.id].startsWith(`${name} `))) {
      this.pending = name
      this.since = now
    }
    return undefined
  }
}

function find(map: Keymap, key: string): ActionId | undefined {
  return actions.find((a) => map[a.id] === key)?.id
}

/** How a key is written for people. */
export function spoken(key: string): string[] {
  return key.split(' ').map((k) => k.replace('Escape', 'Esc').replace(/(^|\+)([a-z])$/, (_, p, c) => p + c.toUpperCase()))
}
