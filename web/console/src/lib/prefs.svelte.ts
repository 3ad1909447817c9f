import { defaults, withStored, type ActionId, type Keymap } from './keymap'

export type Theme = 'auto' | 'light' | 'dark'

const place = 'rowan.console.v1'
export const coverChoices = [4, 8, 15, 30, 60, 120]

interface Stored {
  theme?: unknown
  keysOn?: unknown
  keymap?: unknown
  coverSeconds?: unknown
  previews?: unknown
}

function read(): Stored {
  try {
    const v = JSON.parse(localStorage.getItem(place) ?? '{}')
    return v && typeof v === 'object' ? v : {}
  } catch {
    return {}
  }
}

/** Choices of the person at this browser. Nothing about a case is ever stored. */
class Prefs {
  theme = $state<Theme>('auto')
  keysOn = $state(true)
  keymap = $state<Keymap>({ ...defaults })
  coverSeconds = $state(8)
  previews = $state(true)

  constructor() {
    const s = read()
    if (s.theme === 'light' || s.theme === 'dark') this.theme = s.theme
    if (s.keysOn === false) this.keysOn = false
    if (s.previews === false) this.previews = false
    if (coverChoices.includes(s.coverSeconds as number)) this.coverSeconds = s.coverSeconds as number
    this.keymap = withStored(s.keymap)
    this.apply()
  }

  apply() {
    document.documentElement.dataset.theme = this.theme
  }

  save() {
    this.apply()
    const changed = Object.fromEntries(Object.entries(this.keymap).filter(([k, v]) => defaults[k as ActionId] !== v))
    try {
      localStorage.setItem(
        place,
        JSON.stringify({
          theme: this.theme,
          keysOn: this.keysOn,
          coverSeconds: this.coverSeconds,
          previews: this.previews,
          keymap: changed,
        }),
      )
    } catch {
      // private window: the choice lasts until the tab is closed
    }
  }
}

export const prefs = new Prefs()
