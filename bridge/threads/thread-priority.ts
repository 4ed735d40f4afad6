import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename } from 'node:path'

/** Weighs a third of a thread that nobody changed: it must not fall behind for good where there is one core. */
const NICE = 5

/**
 * Lets the thread that calls this step back where processors are scarce: who waits for an acknowledgement comes before who
 * waits for a chart. Linux has a priority for each thread; elsewhere nothing happens.
 */
export function stepBack (): void {
  try {
    // "PID/task/TID", read by this thread itself.
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), NICE)
  } catch {
    // Another system, or one that does not let us: it works as well, only not as evenly.
  }
}
