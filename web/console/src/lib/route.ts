// Where the console is: the part of the address after '#'. Nothing but an
// identifier ever stands there.

export type Route =
  | { name: 'queue'; state: 'open' | 'decided' }
  | { name: 'case'; id: string }
  | { name: 'reports' }
  | { name: 'report'; id: string }
  | { name: 'requests' }
  | { name: 'request'; id: string }
  | { name: 'takedowns' }
  | { name: 'takedown'; id: string }
  | { name: 'lists' }
  | { name: 'list'; id: string }
  | { name: 'exchanges' }
  | { name: 'measures' }
  | { name: 'activity'; tab: 'ledger' | 'webhooks' }
  | { name: 'people' }
  | { name: 'settings' }
  | { name: 'unknown' }

export function parse(hash: string): Route {
  const [head = '', ...rest] = hash.replace(/^#?\/?/, '').split('?')[0]!.split('/')
  const arg = decode(rest.join('/'))
  switch (head) {
    case '':
    case 'queue':
      return { name: 'queue', state: arg === 'decided' ? 'decided' : 'open' }
    case 'case':
      return arg ? { name: 'case', id: arg } : { name: 'unknown' }
    case 'report':
    case 'request':
    case 'takedown':
      return arg ? { name: head, id: arg } : { name: 'unknown' }
    case 'lists':
      return arg ? { name: 'list', id: arg } : { name: 'lists' }
    case 'activity':
      return { name: 'activity', tab: arg === 'webhooks' ? 'webhooks' : 'ledger' }
    case 'reports':
    case 'requests':
    case 'takedowns':
    case 'exchanges':
    case 'measures':
    case 'people':
    case 'settings':
      return arg ? { name: 'unknown' } : { name: head }
    default:
      return { name: 'unknown' }
  }
}

export function href(r: Route): string {
  switch (r.name) {
    case 'queue':
      return r.state === 'open' ? '#/queue' : `#/queue/${r.state}`
    case 'case':
    case 'report':
    case 'request':
    case 'takedown':
      return `#/${r.name}/${encodeURIComponent(r.id)}`
    case 'list':
      return `#/lists/${encodeURIComponent(r.id)}`
    case 'activity':
      return r.tab === 'ledger' ? '#/activity' : '#/activity/webhooks'
    case 'unknown':
      return '#/queue'
    default:
      return `#/${r.name}`
  }
}

/** The one-time sign-in token in an address such as `#link=TOKEN`, if any. */
export function linkToken(hash: string): string | undefined {
  const m = /^#?\/?link=([A-Za-z0-9._~-]+)$/.exec(hash)
  return m?.[1]
}

function decode(s: string): string {
  try {
    return decodeURIComponent(s)
  } catch {
    return ''
  }
}
