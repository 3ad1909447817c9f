/** The time, for ages on the screen. Moves every ten seconds. */
export const clock = $state({ now: Date.now() })
setInterval(() => (clock.now = Date.now()), 10_000)
