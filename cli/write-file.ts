import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes a file that only this user can read, so that even a power loss leaves all of it or nothing. */
export function writePrivateFile (path: string, text: string): void {
  const draft = `${path}.${process.pid}`
  synced(draft, 'w', (file) => { writeSync(file, text) })
  renameSync(draft, path)
  synced(dirname(path), 'r', () => {})
}

function synced (path: string, flags: string, work: (file: number) => void): void {
  const file = openSync(path, flags, 0o600)
  try {
    work(file)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
