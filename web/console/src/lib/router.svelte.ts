import { href, parse, type Route } from './route'

class Router {
  current = $state.raw<Route>(parse(location.hash))
  /** Grows with each change of screen, so that a screen knows to take the focus. */
  visits = $state(0)

  constructor() {
    addEventListener('hashchange', this.read)
  }

  /** Reads the address again; for those who replace it without an event. */
  read = () => {
    this.current = parse(location.hash)
    this.visits++
  }

  go(r: Route) {
    location.hash = href(r)
  }
}

export const router = new Router()
