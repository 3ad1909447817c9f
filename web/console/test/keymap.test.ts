import { describe, expect, it } from 'vitest'
import { Matcher, actions, conflict, defaults, keyName, spoken, validKey, withStored } from '../src/lib/keymap'

const press = (key: string, o: Partial<{ code: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean; shiftKey: boolean }> = {}) =>
  keyName({ key, code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...o })

describe('keyName', () => {
  const cases: [string, string, Parameters<typeof press>[1]?][] = [
    ['j', 'j'],
    ['Space', ' '],
    ['1', '1', { code: 'Digit1' }],
    ['Shift+1', '!', { code: 'Digit1', shiftKey: true }],
    ['?', '?', { code: 'Slash', shiftKey: true }],
    ['Shift+j', 'J', { shiftKey: true }],
    ['j', 'J'], // Caps Lock
    ['Ctrl+Enter', 'Enter', { ctrlKey: true }],
    ['Ctrl+Enter', 'Enter', { metaKey: true }],
    ['Escape', 'Escape'],
    ['', 'Shift', { shiftKey: true }],
    ['', 'j', { altKey: true }],
    ['', 'Dead'],
  ]
  it.each(cases)('%s', (want, key, o) => expect(press(key, o)).toBe(want))
})

describe('the default keys', () => {
  it('do not hide one another', () => {
    for (const a of actions) expect(conflict(defaults, a.id, a.key), a.id).toBeUndefined()
  })
  it('never decide or file with a single character', () => {
    expect(defaults.confirm).toBe('Ctrl+Enter')
    expect(actions.some((a) => /approve|file/.test(a.id))).toBe(false)
  })
})

describe('Matcher', () => {
  it('finds one press and two presses', () => {
    const m = new Matcher()
    expect(m.press(defaults, 'j', 0)).toBe('item-next')
    expect(m.press(defaults, 'g', 10)).toBeUndefined()
    expect(m.press(defaults, 'q', 20)).toBe('go-queue')
  })
  it('forgets a half key after a while', () => {
    const m = new Matcher(1000)
    m.press(defaults, 'g', 0)
    expect(m.press(defaults, 'r', 1500)).toBe('reason')
  })
  it('takes a press that finishes nothing for itself', () => {
    const m = new Matcher()
    m.press(defaults, 'g', 0)
    expect(m.press(defaults, 'j', 10)).toBe('item-next')
  })
})

describe('remapping', () => {
  it('refuses keys the page needs', () => {
    for (const k of ['Tab', 'Enter', 'Escape', 'Ctrl+c', 'ArrowDown', '', 'a b c', 'g Enter']) expect(validKey(k), k).toBe(false)
    for (const k of ['a', 'Shift+1', 'g q', 'F2', 'Space']) expect(validKey(k), k).toBe(true)
  })
  it('sees conflicts, also with the first of two presses', () => {
    expect(conflict(defaults, 'undo', 'j')).toBe('item-next')
    expect(conflict(defaults, 'undo', 'g')).toBe('go-queue')
    expect(conflict(defaults, 'undo', 'j u')).toBe('item-next')
    expect(conflict(defaults, 'undo', 'g u')).toBeUndefined()
  })
  it('reads what was stored and drops what is wrong', () => {
    const m = withStored({ undo: 'z', confirm: 'c', cover: 'c', reveal: 'Enter', nonsense: 'q', 'uk-A': 7 })
    expect(m).toEqual({ ...defaults, undo: 'z' })
    expect(withStored(null)).toEqual(defaults)
  })
})

it('writes keys for people', () => {
  expect(spoken('g q')).toEqual(['G', 'Q'])
  expect(spoken('Shift+1')).toEqual(['Shift+1'])
  expect(spoken('Escape')).toEqual(['Esc'])
})
