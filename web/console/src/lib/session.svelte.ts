import { session as api } from '../api/calls'
import { Problem, asProblem, onSignedOut } from '../api/client'
import type { Session } from '../api/types'
import { linkToken } from './route'
import { router } from './router.svelte'

class Who {
  state = $state<'checking' | 'out' | 'in' | 'unreachable'>('checking')
  value = $state.raw<Session>()
  problem = $state.raw<Problem>()
  /** True after a sign-in by link: the person should add a passkey now. */
  offerPasskey = $state(false)

  get user() {
    return this.value?.user
  }

  can(scope: string): boolean {
    const [room] = scope.split(':')
    return this.value?.scopes.some((s) => s === scope || s === `${room}:*`) ?? false
  }

  /** Whether an id is mine: an actor of the ledger is `user:ID`, a person in the list is `ID`. */
  is(id: string | undefined): boolean {
    const bare = (s: string) => s.replace(/^user:/, '')
    return !!id && !!this.user && bare(id) === bare(this.user.id)
  }

  accept(s: Session) {
    this.value = s
    this.problem = undefined
    this.state = 'in'
  }

  dropped() {
    if (this.state === 'in') this.problem = new Problem(401, 'You are signed out', 'Your session has ended. Sign in again to go on.')
    this.value = undefined
    this.state = 'out'
  }

  async start() {
    const token = takeToken()
    if (token) return this.redeem(token)
    this.state = 'checking'
    try {
      this.accept(await api.who())
    } catch (e) {
      const p = asProblem(e)
      if (p.status === 401) return
      this.problem = p
      this.state = 'unreachable'
    }
  }

  async redeem(token: string) {
    this.state = 'checking'
    try {
      this.accept(await api.redeem(token))
      this.offerPasskey = this.user?.passkeys === 0
    } catch (e) {
      const p = asProblem(e)
      this.value = undefined
      this.problem =
        p.status === 0 ? p : new Problem(p.status, 'This link does not work', p.detail || 'It may have been used already or be too old. Ask an administrator for a new one.')
      this.state = 'out'
    }
  }

  async refresh() {
    try {
      this.value = await api.who()
    } catch {
      // the next call will say what is wrong
    }
  }

  async signOut() {
    try {
      await api.signOut()
    } finally {
      this.value = undefined
      this.problem = undefined
      this.state = 'out'
    }
  }
}

// The token is a key: it leaves the address bar and the history before anything else happens.
function takeToken(): string | undefined {
  const token = linkToken(location.hash)
  if (token) {
    history.replaceState(null, '', `${location.pathname}${location.search}#/queue`)
    router.read()
  }
  return token
}

export const who = new Who()
onSignedOut.handler = () => who.dropped()
addEventListener('hashchange', () => {
  const token = takeToken()
  if (token) void who.redeem(token)
})
