// One door to the API. Every failure becomes a Problem that a screen can show,
// so that an error is never mistaken for an empty answer.

export class Problem extends Error {
  constructor(
    readonly status: number, // 0 when no answer came
    readonly title: string,
    readonly detail: string,
    readonly errors: { location: string; message: string }[] = [],
  ) {
    super(detail || title)
    this.name = 'Problem'
  }
}

/** Called when the server says that nobody is signed in. */
export const onSignedOut = { handler: () => {} }

const quiet = 30_000

interface Options {
  body?: unknown
  form?: FormData
  slow?: boolean // many bytes come
  signal?: AbortSignal
}

async function send(method: string, path: string, o: Options = {}): Promise<Response> {
  const limit = AbortSignal.timeout(o.form || o.slow ? 10 * quiet : quiet)
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
    signal: o.signal ? AbortSignal.any([o.signal, limit]) : limit,
    headers: { Accept: 'application/json, application/problem+json, */*' },
  }
  if (o.form) init.body = o.form
  else if (o.body !== undefined) {
    init.body = JSON.stringify(o.body)
    init.headers = { ...init.headers, 'Content-Type': 'application/json' }
  }
  let res: Response
  try {
    res = await fetch(path, init)
  } catch (e) {
    if (o.signal?.aborted) throw e
    const why = limit.aborted ? 'The server did not answer in time.' : 'The server could not be reached.'
    throw new Problem(0, 'No answer', `${why} Nothing is known to have changed; try again.`)
  }
  if (!res.ok) throw await problemOf(res)
  return res
}

async function problemOf(res: Response): Promise<Problem> {
  const fallback = res.statusText || `Error ${res.status}`
  let p = new Problem(res.status, fallback, '')
  try {
    const b = await res.json()
    const errors = Array.isArray(b.errors) ? b.errors.map(fieldError) : []
    p = new Problem(res.status, String(b.title || fallback), String(b.detail || ''), errors)
  } catch {
    // not JSON: the status says enough
  }
  if (res.status === 401) onSignedOut.handler()
  return p
}

function fieldError(e: { location?: unknown; message?: unknown }) {
  return { location: String(e.location ?? ''), message: String(e.message ?? '') }
}

export function asProblem(e: unknown): Problem {
  if (e instanceof Problem) return e
  return new Problem(0, 'Something went wrong in the console', e instanceof Error ? e.message : String(e))
}

async function json<T>(method: string, path: string, o?: Options): Promise<T> {
  const res = await send(method, path, o)
  if (res.status === 204 || res.status === 202) return undefined as T
  const text = await res.text()
  return (text ? JSON.parse(text) : undefined) as T
}

export const get = <T>(path: string, signal?: AbortSignal) => json<T>('GET', path, { signal })
export const post = <T>(path: string, body: unknown = {}) => json<T>('POST', path, { body })
export const put = <T>(path: string, body: unknown) => json<T>('PUT', path, { body })
export const patch = <T>(path: string, body: unknown) => json<T>('PATCH', path, { body })
export const del = <T = void>(path: string) => json<T>('DELETE', path)
export const upload = <T>(path: string, form: FormData) => json<T>('POST', path, { form })
export const text = async (path: string) => (await send('GET', path)).text()

/** Fetches a picture; anything that is not a raster picture is an error. */
export async function picture(method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<Blob> {
  const res = await send(method, path, { body, signal })
  const blob = await res.blob()
  if (!/^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(blob.type.split(';')[0] ?? '')) {
    throw new Problem(res.status, 'Not a picture', `The server sent “${blob.type || 'no type'}” instead of a picture.`)
  }
  return blob
}

/** Fetches a file whole and hands it to the browser to save. */
export async function download(method: 'GET' | 'POST', path: string, body?: unknown): Promise<void> {
  const res = await send(method, path, { body, slow: true })
  let blob: Blob
  try {
    blob = await res.blob()
  } catch {
    throw new Problem(0, 'Cut short', 'The file did not arrive whole, and nothing was saved. Try again.')
  }
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = /filename="([^"]+)"/.exec(res.headers.get('Content-Disposition') ?? '')?.[1] ?? 'download'
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** Builds a query string and leaves out what is empty. */
export function query(q: Record<string, string | number | undefined>): string {
  const p = new URLSearchParams()
  for (const [k, v] of Object.entries(q)) if (v !== undefined && v !== '') p.set(k, String(v))
  const s = p.toString()
  return s ? `?${s}` : ''
}
