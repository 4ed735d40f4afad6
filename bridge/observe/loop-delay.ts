import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 20

/** How late the event loop was, seconds. */
export interface LoopDelay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Looks at the event loop once somebody asks: that costs a few thousandths of a core, and most have nobody who does. */
export interface LoopMonitor {
  /** How late it was since `take` was called before; null at first. */
  take (): LoopDelay | null
  /** Stops looking, until somebody asks again. Idempotent. */
  close (): void
}

export function createLoopMonitor (): LoopMonitor {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  return {
    take () {
      delay.enable()
      if (delay.count === 0) return null
      const taken = { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) }
      delay.reset()
      return taken
    },
    close () {
      delay.disable()
      delay.reset()
    }
  }
}

/** Milliseconds that one answer holds: many may look at once, and each is to see what a second was like. */
const SPAN = 1000
/** Milliseconds after which nobody looks any more. */
const PATIENCE = 60_000

/** The same for any number who ask about once a second, and stop without a word. */
export function createSharedLoopMonitor (): LoopMonitor {
  const monitor = createLoopMonitor()
  let taken: LoopDelay | null = null
  let takenAt = -Infinity
  let idle: NodeJS.Timeout | null = null

  function close (): void {
    if (idle !== null) clearTimeout(idle)
    idle = null
    monitor.close()
    taken = null
    takenAt = -Infinity
  }

  return {
    take () {
      if (idle === null) idle = setTimeout(close, PATIENCE).unref()
      else idle.refresh()
      const now = performance.now()
      if (now - takenAt >= SPAN || taken === null) {
        taken = monitor.take()
        takenAt = now
      }
      return taken
    },
    close
  }
}

/** What was measured, in nanoseconds, is the whole time between two looks. */
function late (nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1e3)
}
