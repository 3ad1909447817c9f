import { evidence } from '../api/calls'
import { Problem, asProblem } from '../api/client'
import { announce } from './announce.svelte'
import { CoverTimer } from './cover'
import { prefs } from './prefs.svelte'

const small = 480
const large = 1600

/**
 * The one picture that may be on the screen. Showing another covers the first;
 * Esc, a hidden tab, a lost window and the clock cover it; covering frees it.
 */
class Reveal {
  id = $state<string>()
  url = $state<string>()
  loading = $state<string>()
  left = $state(0)
  colour = $state(false)
  big = $state(false)
  /** Why the last attempt failed, per item: a failed load is not an absence. */
  problems = $state<Record<string, Problem>>({})

  private bitmap: ImageBitmap | undefined
  private timer = new CoverTimer(8)
  private tick: ReturnType<typeof setInterval> | undefined
  private abort: AbortController | undefined

  constructor() {
    document.addEventListener('visibilitychange', () => document.hidden && this.cover('The tab was hidden. Picture covered.'))
    addEventListener('blur', () => this.cover('The window lost focus. Picture covered.'))
    addEventListener('pagehide', () => this.cover())
    addEventListener('hashchange', () => this.cover())
  }

  async show(id: string, purpose: string): Promise<boolean> {
    this.cover()
    const abort = (this.abort = new AbortController())
    this.loading = id
    delete this.problems[id]
    try {
      const blob = await evidence.reveal(id, purpose, abort.signal)
      const bitmap = await decode(blob)
      if (abort.signal.aborted) {
        bitmap.close()
        return false
      }
      const url = await still(bitmap, small)
      if (abort.signal.aborted) {
        URL.revokeObjectURL(url)
        bitmap.close()
        return false
      }
      this.bitmap = bitmap
      this.url = url
      this.id = id
      this.begin()
      return true
    } catch (e) {
      if (abort.signal.aborted) return false
      this.problems[id] = asProblem(e)
      announce(`The picture could not be shown. ${this.problems[id].message}`, true)
      return false
    } finally {
      if (this.abort === abort) {
        this.abort = undefined
        this.loading = undefined
      }
    }
  }

  cover(why?: string): boolean {
    const had = this.id !== undefined || this.loading !== undefined
    this.abort?.abort()
    this.abort = undefined
    this.loading = undefined
    clearInterval(this.tick)
    if (this.url) URL.revokeObjectURL(this.url)
    this.bitmap?.close()
    this.bitmap = undefined
    this.url = undefined
    this.id = undefined
    this.colour = false
    this.big = false
    if (had && why) announce(why)
    return had
  }

  hold() {
    if (!this.id) return
    this.timer.extend(performance.now())
    this.left = this.timer.left(performance.now())
    announce(`Kept open for ${this.left} more seconds.`)
  }

  async resize(big: boolean) {
    if (!this.bitmap) return
    const id = this.id
    const url = await still(this.bitmap, big ? large : small)
    if (this.id !== id || !this.url) return URL.revokeObjectURL(url)
    URL.revokeObjectURL(this.url)
    this.url = url
    this.big = big
  }

  private begin() {
    this.timer = new CoverTimer(prefs.coverSeconds)
    this.timer.start(performance.now())
    this.left = prefs.coverSeconds
    announce(`Picture shown, grey. It will be covered in ${prefs.coverSeconds} seconds.`)
    this.tick = setInterval(() => {
      const now = performance.now()
      if (this.timer.expired(now)) return this.cover('Picture covered.')
      this.left = this.timer.left(now)
      if (prefs.coverSeconds > 4 && this.timer.warn(now)) announce('Covering in 3 seconds.')
    }, 200)
  }
}

async function decode(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image' })
  } catch {
    throw new Problem(0, 'Not readable', 'The file arrived, but this browser cannot decode it. It has not been seen.')
  }
}

// A still copy: an animation shows only its first frame, and the page never
// holds more pixels than it shows.
async function still(bitmap: ImageBitmap, edge: number): Promise<string> {
  const scale = Math.min(1, edge / Math.max(bitmap.width, bitmap.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(bitmap.width * scale))
  canvas.height = Math.max(1, Math.round(bitmap.height * scale))
  const ctx = canvas.getContext('2d')!
  ctx.imageSmoothingQuality = 'high'
  ctx.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'))
  if (!blob) throw new Problem(0, 'Not readable', 'The picture could not be drawn.')
  return URL.createObjectURL(blob)
}

export const reveal = new Reveal()
