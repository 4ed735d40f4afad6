import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

// Loaded into the server by `node --import`: nothing tells the delay of an event loop from outside. Does nothing until
// its parent sends `start`; on `stop` it answers {p50, p99, max}, milliseconds. Plain JavaScript, so that the server runs
// without a loader for types.

/** Milliseconds between two samples, the default of Node. */
const RESOLUTION = 10

/** Node records the time from one sample to the next, so that an idle loop has the resolution as its delay. */
const delay = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)

// Worker threads load this too.
if (isMainThread && process.send !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  process.on('message', (message) => {
    if (message === 'start') {
      histogram.reset()
      histogram.enable()
    } else if (message === 'stop') {
      histogram.disable()
      process.send({ p50: delay(histogram.percentile(50)), p99: delay(histogram.percentile(99)), max: delay(histogram.max) })
    }
  })
  // The server must end as it would without this.
  process.channel.unref()
}
