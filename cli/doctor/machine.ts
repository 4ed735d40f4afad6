import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from '../version.ts'
import { failed, ok, warn, type Finding } from './finding.ts'

/** Sockets aside, files that the server has open itself. */
const OWN_FILES = 64
/** A clock that lags behind its own files by less is only being adjusted. */
const TOLERANCE_MS = 2000
/** Foyer did not exist before: a machine without a battery for its clock starts at 1970. */
const EARLIEST = Date.UTC(2026, 0, 1)

export function judgeNode (version: string, wanted = engines.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [, least, leastMinor] = /^>=(\d+)\.(\d+)$/.exec(wanted)!
  if (major > Number(least) || (major === Number(least) && minor >= Number(leastMinor))) return ok(`Node.js ${version}`)
  return failed(`Node.js ${version} is too old: Foyer needs ${wanted}`, 'Install a newer one from nodejs.org')
}

/** `limit` is Infinity where there is none, null where the system does not tell. */
export function judgeOpenFiles (limit: number | null, connections: number): Finding {
  if (limit === null) return warn('how many files may be open is unknown', 'Ask the shell that starts Foyer: ulimit -n')
  if (limit >= connections + OWN_FILES) return ok(limit === Infinity ? 'any number of files may be open' : `${limit} files may be open`)
  return warn(`only ${limit} files may be open, which is fewer than the connections that are allowed (limits.connections is ${connections})`, `Raise it where Foyer is started (ulimit -n ${connections + OWN_FILES}, LimitNOFILE of systemd), or lower limits.connections`)
}

/** As the shell has it: Node has raised it to what is allowed, and children inherit that. */
export function openFileLimit (): number | null {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })
  const text = (stdout ?? '').trim()
  return text === 'unlimited' ? Infinity : /^\d+$/.test(text) ? Number(text) : null
}

/** `newest` is when something was last written to the data directory, in ms since 1970. */
export function judgeClock (now: number, newest: number): Finding {
  if (now < EARLIEST) return failed(`the clock says ${new Date(now).toISOString()}`, 'Tokens are judged by it, and history is sorted by it. Set it: timedatectl set-ntp true')
  if (newest > now + TOLERANCE_MS) return warn(`the clock was set back: the data directory was written to ${((newest - now) / 1000).toFixed(1)} s in its future`, 'New messages keep their order, and their times run ahead until the clock has caught up. Set it: timedatectl set-ntp true')
  return ok(`the clock says ${new Date(now).toISOString()}, later than all data`)
}

export function newestWrite (dataDir: string): number {
  let newest = 0
  for (const folder of [dataDir, join(dataDir, 'journal')]) {
    try {
      for (const name of readdirSync(folder)) newest = Math.max(newest, statSync(join(folder, name)).mtimeMs)
    } catch {
      // Not there yet, or removed just now.
    }
  }
  return newest
}
