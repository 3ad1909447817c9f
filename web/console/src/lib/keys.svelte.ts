import { Matcher, keyName, type ActionId } from './keymap'
import { prefs } from './prefs.svelte'

type Handler = () => void

// Screens lay their handlers over one another; the newest that knows an action gets it.
const layers: Partial<Record<ActionId, Handler>>[] = []
const matcher = new Matcher()

/** Use inside a component: `$effect(() => keys({...}))`. */
export function keys(layer: Partial<Record<ActionId, Handler>>): () => void {
  layers.push(layer)
  return () => {
    const i = layers.indexOf(layer)
    if (i >= 0) layers.splice(i, 1)
  }
}

function run(id: ActionId): boolean {
  for (let i = layers.length - 1; i >= 0; i--) {
    const h = layers[i]![id]
    if (h) {
      h()
      return true
    }
  }
  return false
}

// Esc covers first and before anything else can stop it: it listens while the
// event goes down. It never prevents the default, so an open dialog closes too.
addEventListener(
  'keydown',
  (e) => {
    if (e.key === 'Escape') run('cover')
  },
  true,
)

addEventListener('keydown', (e) => {
  if (e.defaultPrevented || e.isComposing || e.repeat) return
  const name = keyName(e)
  if (!name || name === 'Escape') return
  const inDialog = document.querySelector('dialog[open]') !== null
  if (name === 'Ctrl+Enter') {
    if (!inDialog && run('confirm')) e.preventDefault()
    return
  }
  if (inDialog || !prefs.keysOn || e.ctrlKey || e.metaKey || typing(e.target) || owns(e.target, name)) return
  const id = matcher.press(prefs.keymap, name, e.timeStamp)
  if (id && run(id)) e.preventDefault()
})

function typing(t: EventTarget | null): boolean {
  if (!(t instanceof HTMLElement)) return false
  if (t.isContentEditable || t instanceof HTMLTextAreaElement || t instanceof HTMLSelectElement) return true
  return t instanceof HTMLInputElement && !['radio', 'checkbox', 'button', 'submit'].includes(t.type)
}

// Space presses the button, link or box that has the focus; that stays so.
function owns(t: EventTarget | null, name: string): boolean {
  return name === 'Space' && t instanceof HTMLElement && t.closest('a,button,input,summary,[role=button],[role=tab]') !== null
}
