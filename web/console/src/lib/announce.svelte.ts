/** What a screen reader is told, and what the quiet line at the foot shows. */
export const spokenLine = $state({ polite: '', assertive: '', note: '' })

let clear: ReturnType<typeof setTimeout> | undefined

export function announce(message: string, urgent = false) {
  const channel = urgent ? 'assertive' : 'polite'
  // the same words twice must be said twice
  spokenLine[channel] = spokenLine[channel] === message ? `${message}\u00a0` : message
}

/** Announces and shows for a while. */
export function note(message: string) {
  announce(message)
  spokenLine.note = message
  clearTimeout(clear)
  clear = setTimeout(() => (spokenLine.note = ''), 6000)
}
