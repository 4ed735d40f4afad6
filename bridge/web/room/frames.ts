/** Milliseconds of a frame that may be used: at 50 frames per second each has 20, and others need some, too. */
const BUDGET_MS = 6

/** Drawing that waits for a frame, by who has asked. */
const waiting = new Map<object, () => void>()
let isAsked = false

/** Draws in one of the next frames. What the same one has asked for before, and not got yet, is in vain. */
export function inFrame (who: object, draw: () => void): void {
  waiting.set(who, draw)
  ask()
}

function ask (): void {
  if (isAsked || waiting.size === 0) return
  isAsked = true
  requestAnimationFrame(run)
}

/** Many charts become due at once: each frame takes what fits in, and one in any case. */
function run (): void {
  isAsked = false
  const end = performance.now() + BUDGET_MS
  try {
    for (const [who, draw] of waiting) {
      waiting.delete(who)
      draw()
      if (performance.now() >= end) break
    }
  } finally {
    ask()
  }
}
