import { close, constants, fdatasync, ftruncate, open, read, write } from 'node:fs'
import { mkdir, open as openHandle, readdir, rename, rm, stat } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * What the journal asks of a file system. It stands between them so that full disks, failing syncs and torn writes can
 * be produced on purpose.
 */
export interface FileLayer {
  /** Opens for reading and writing; `create` fails when the file is there already. */
  open (path: string, create: boolean): Promise<number>
  /** Writes all of `bytes[start..end)` at `position`. */
  write (fd: number, bytes: Uint8Array, start: number, end: number, position: number): Promise<void>
  /** As `write`, and what is written survives the loss of power, unlike what was written and not synced before. */
  writeSynced (fd: number, bytes: Uint8Array, start: number, end: number, position: number): Promise<void>
  /** Reads into `bytes`; resolves with the number of bytes, less than asked for only at the end of the file. */
  read (fd: number, bytes: Uint8Array, position: number): Promise<number>
  /** Resolves when what was written survives the loss of power. */
  sync (fd: number): Promise<void>
  truncate (fd: number, length: number): Promise<void>
  close (fd: number): Promise<void>
  makeDirectory (path: string): Promise<void>
  /** Makes created, renamed and removed names of a directory durable. */
  syncDirectory (path: string): Promise<void>
  list (path: string): Promise<string[]>
  size (path: string): Promise<number>
  rename (from: string, to: string): Promise<void>
  remove (path: string): Promise<void>
}

const openFile = promisify(open)
const closeFile = promisify(close)
const truncateFile = promisify(ftruncate)

/**
 * Second descriptors of files that are open, by the first ones: a write by one of these is synced when it returns, which is
 * one journey to another thread and back instead of two. -1 where there is none.
 */
const syncing = new Map<number, number>()

/** Of the file that is behind `fd`. Linux alone has it, and the same promise there as for fdatasync; see open(2), O_DSYNC. */
async function openSyncing (fd: number): Promise<number> {
  let second = -1
  if (process.platform === 'linux') second = await openFile(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_DSYNC).catch(() => -1)
  syncing.set(fd, second)
  return second
}

function writeAll (fd: number, bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // A disk that fills up takes a part first.
    const next = (from: number): void => {
      write(fd, bytes, from, end - from, position + from - start, (error, written) => {
        if (error !== null) reject(error)
        else if (from + written < end) next(from + written)
        else resolve()
      })
    }
    next(start)
  })
}

/** The file system of this machine. */
export const diskFiles: FileLayer = {
  async open (path, create) {
    return await openFile(path, create ? 'wx+' : 'r+', 0o600)
  },
  write: writeAll,
  async writeSynced (fd, bytes, start, end, position) {
    const second = syncing.get(fd) ?? await openSyncing(fd)
    if (second !== -1) return await writeAll(second, bytes, start, end, position)
    await writeAll(fd, bytes, start, end, position)
    await this.sync(fd)
  },
  read (fd, bytes, position) {
    return new Promise((resolve, reject) => {
      const next = (done: number): void => {
        read(fd, bytes, done, bytes.length - done, position + done, (error, count) => {
          if (error !== null) reject(error)
          else if (count === 0 || done + count === bytes.length) resolve(done + count)
          else next(done + count)
        })
      }
      next(0)
    })
  },
  sync: fd => new Promise((resolve, reject) => { fdatasync(fd, error => { error === null ? resolve() : reject(error) }) }),
  truncate: (fd, length) => truncateFile(fd, length),
  async close (fd) {
    const second = syncing.get(fd) ?? -1
    syncing.delete(fd)
    try {
      if (second !== -1) await closeFile(second)
    } finally {
      await closeFile(fd)
    }
  },
  async makeDirectory (path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  async syncDirectory (path) {
    const handle = await openHandle(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  list: path => readdir(path),
  async size (path) {
    return (await stat(path)).size
  },
  rename: (from, to) => rename(from, to),
  remove: path => rm(path, { force: true })
}
