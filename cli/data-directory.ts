import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError } from './fail.ts'
import { takeLock, type Lock } from '../broker/journal/lock.ts'
import { version } from './version.ts'
import { writePrivateFile } from './write-file.ts'

/** Of the folder as a whole: raised when an older Foyer could no longer read what it holds. */
const FORMAT = 1

const OTHER_FOLDER = 'choose another folder with --data-dir or FOYER_DATA_DIR'

/** The folder of everything that survives a restart, held by this process alone. */
export interface DataDirectory {
  /** Lets go of it. Idempotent. */
  close (): void
}

/**
 * Opens the folder, creating it on the first start. Throws a CommandError when it can't be written, another Foyer holds
 * it, or a newer one wrote it.
 */
export function openDataDirectory (path: string): DataDirectory {
  return usable(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return hold(path, OTHER_FOLDER)
  })
}

/** Holds a folder that is there, for who only looks at it: no server can begin to change it meanwhile. */
export function holdDataDirectory (path: string): DataDirectory {
  return usable(path, () => {
    if (!existsSync(join(path, 'foyer.json'))) throw new CommandError(`${path} is no data directory of Foyer: it has no foyer.json. Name the one of your server with --data-dir or FOYER_DATA_DIR`)
    return hold(path, 'look at a copy of the folder without the file lock')
  })
}

/** The same where there is such a folder and nobody holds it; null otherwise. */
export function holdIfFree (path: string): DataDirectory | null {
  if (!existsSync(join(path, 'foyer.json'))) return null
  return usable(path, () => {
    const lock = takeLock(join(path, 'lock'))
    if (typeof lock === 'number') return null
    return checked(path, lock)
  })
}

function hold (path: string, otherwise: string): DataDirectory {
  const lock = takeLock(join(path, 'lock'))
  if (typeof lock === 'number') throw new CommandError(`the data directory ${path} is in use by the process ${lock}. Stop that one first (kill ${lock}), or ${otherwise}`)
  return checked(path, lock)
}

function checked (path: string, lock: Lock): DataDirectory {
  try {
    checkFormat(path)
  } catch (error) {
    lock.release()
    throw error
  }
  return { close: lock.release }
}

function usable<T> (path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`the data directory ${path} can't be used: ${reasonOf(error as NodeJS.ErrnoException)}. Correct that, or ${OTHER_FOLDER}`, { cause: error })
  }
}

function checkFormat (path: string): void {
  const file = join(path, 'foyer.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    writePrivateFile(file, JSON.stringify({ format: FORMAT, createdBy: version }) + '\n')
    return
  }
  const format = formatOf(text)
  if (format === null) throw new CommandError(`${file} is not Foyer's: it should hold {"format": ${FORMAT}}. Restore it, or ${OTHER_FOLDER}`)
  if (format > FORMAT) throw new CommandError(`the data directory ${path} was written by a newer Foyer (format ${format}, this one reads up to ${FORMAT}). Start the newer version again, or ${OTHER_FOLDER}`)
}

function formatOf (text: string): number | null {
  try {
    const { format } = JSON.parse(text) as { format: unknown }
    return Number.isInteger(format) && Number(format) > 0 ? Number(format) : null
  } catch {
    return null
  }
}

/** Why a folder can't be written, in words. */
export function reasonOf ({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EACCES': return 'this user may not write there'
    case 'EROFS': return 'it is on a read-only file system'
    case 'ENOSPC': return 'the disk is full'
    case 'ENOTDIR': return 'part of the path is not a folder'
    case 'EEXIST': return 'it is not a folder'
    default: return message
  }
}
