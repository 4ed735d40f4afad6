import { createHash, randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { processStart } from './process-start.ts'

export interface Lock {
  /** Idempotent. */
  release (): void
}

/**
 * Takes the lock file for this process, or returns the number of the process that holds it. A lock whose holder was
 * killed is taken over.
 */
export function takeLock (path: string): Lock | number {
  const mine = `${process.pid} ${processStart(process.pid) ?? '-'} ${randomBytes(8).toString('hex')}\n`
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, mine, { mode: 0o600 })
  try {
    const holder = acquire(draft, path)
    if (holder !== null) return holder
  } finally {
    rmSync(draft, { force: true })
  }
  return {
    release () {
      if (read(path) === mine) rmSync(path)
    }
  }
}

/**
 * Links the draft into place, complete or not at all: of two that start at once, one link fails.
 *
 * Whoever finds a dead holder must first acquire a claim that is named after that holder. Only one can have it, and a
 * live claim is never removed, so nobody can remove the lock that another one has just taken. A claim whose owner died
 * is acquired in the same way.
 */
function acquire (draft: string, path: string): number | null {
  for (;;) {
    try {
      linkSync(draft, path)
      return null
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const held = read(path)
    // Released in between.
    if (held === null) continue
    const holder = liveHolder(held)
    if (holder !== null) return holder
    const claim = `${path}.${createHash('sha256').update(held).digest('hex').slice(0, 8)}`
    const rival = acquire(draft, claim)
    if (rival !== null) return rival
    if (read(path) === held) {
      renameSync(claim, path)
      return null
    }
    // The dead one was replaced before the claim was ours.
    rmSync(claim)
  }
}

function read (path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** The process that wrote this; null if it has ended, also when its number was given to another one since. */
function liveHolder (held: string): number | null {
  const [text, start] = held.trim().split(' ')
  const pid = Number(text)
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return null
  }
  const now = processStart(pid)
  if (now === 'gone') return null
  return now !== null && start !== '-' && now !== start ? null : pid
}
