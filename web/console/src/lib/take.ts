import { cases } from '../api/calls'
import { asProblem } from '../api/client'
import { announce, note } from './announce.svelte'
import { router } from './router.svelte'

let busy = false

/** Claims the most urgent case that nobody has and goes there. */
export async function takeNext(): Promise<void> {
  if (busy) return
  busy = true
  try {
    const c = await cases.next()
    router.go({ name: 'case', id: c.id })
    announce(`Case taken. ${c.priority}. ${c.reason}`)
  } catch (e) {
    const p = asProblem(e)
    if (p.status === 404) note('No case is waiting for you.')
    else note(`No case was taken. ${p.title}. ${p.detail}`)
  } finally {
    busy = false
  }
}
