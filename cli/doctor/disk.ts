import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { reasonOf } from '../data-directory.ts'
import { failed, ok, warn, type Finding } from './finding.ts'

const SYNCS = 20
/** About the group of one small message. */
const WRITE_BYTES = 256
const SLOW_MS = 20
/** No disk reaches its cells in less, and no controller answers from a protected cache in less. */
const UNBELIEVABLE_MS = 0.02
/** A file of the journal, and as much again for the store. */
const LEAST_BYTES = 128 * 1024 ** 2

/** Type numbers of statfs, as Linux has them in magic.h. */
const fileSystems = new Map<number, string>([
  [0xef53, 'ext4'], [0x58465342, 'xfs'], [0x9123683e, 'btrfs'], [0x2fc12fc1, 'zfs'], [0xf2f52010, 'f2fs'], [0x794c7630, 'overlay'],
  [0x01021994, 'tmpfs'], [0x858458f6, 'ramfs'], [0x6969, 'nfs'], [0xff534d42, 'cifs'], [0xfe534d42, 'smb'], [0x65735546, 'fuse'], [0x01021997, '9p']
])
const IN_MEMORY = new Set(['tmpfs', 'ramfs'])
/** Whether their fsync is honest, and whether two machines can hold one lock, depends on what is behind them. */
const ELSEWHERE = new Set(['nfs', 'cifs', 'smb', 'fuse', '9p'])

/** The checks of where the data directory is, or will be. */
export function * examineDisk (dataDir: string, maxBytes: number): Generator<Finding> {
  let folder: string
  let times: number[]
  try {
    folder = nearest(dataDir)
    times = measureSyncs(folder)
  } catch (error) {
    yield failed(`the data directory ${dataDir} can't be written: ${reasonOf(error as NodeJS.ErrnoException)}`, 'Correct that, or choose another folder with --data-dir or FOYER_DATA_DIR')
    return
  }
  yield ok(`the data directory ${dataDir} can be ${folder === dataDir ? 'written' : 'made'}`)
  const { type, bavail, bsize } = statfsSync(folder)
  yield judgeFileSystem(type)
  yield judgeSpace(bavail * bsize, maxBytes)
  yield judgeSyncs(times)
}

export function judgeFileSystem (type: number): Finding {
  const name = fileSystems.get(type >>> 0)
  if (name === undefined) return ok(`the file system has the type 0x${(type >>> 0).toString(16)}`)
  if (IN_MEMORY.has(name)) return warn(`the file system is ${name}: it is memory, and nothing in it survives a restart of the machine`, 'Choose a folder on a disk with --data-dir')
  if (ELSEWHERE.has(name)) return warn(`the file system is ${name}: another program or machine decides when something is on disk`, 'Choose a folder on a local disk with --data-dir')
  return ok(`the file system is ${name}`)
}

/** `maxBytes` is what the journal may take. */
export function judgeSpace (free: number, maxBytes: number): Finding {
  if (free < LEAST_BYTES) return failed(`${size(free)} are free: that is too little for one file of the journal and the store`, 'Make room, or choose another disk with --data-dir')
  if (free < maxBytes) return warn(`${size(free)} are free, less than the journal may take (journal.maxBytes is ${size(maxBytes)})`, 'On a full disk publishers wait without an acknowledgement. Make room, or lower journal.maxBytes')
  return ok(`${size(free)} are free`)
}

/** `times` in ms. */
export function judgeSyncs (times: readonly number[]): Finding {
  const sorted = times.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]!
  const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1]!
  const what = `a synced write takes ${duration(median)} (median of ${times.length}, p99 ${duration(p99)})`
  if (median > SLOW_MS) return warn(`${what}, and each acknowledgement waits for one`, 'Choose a faster disk with --data-dir; messages that come together share a sync')
  if (median < UNBELIEVABLE_MS) return warn(`${what}: so fast is memory, not a disk`, 'If the disk only says that it has synced, a power loss takes messages that were acknowledged. Look at its write cache, and at the settings of a virtual disk')
  return ok(what)
}

/** The folder itself, or the one above it that is there. */
function nearest (path: string): string {
  for (let folder = path; ; folder = dirname(folder)) {
    if (statSync(folder, { throwIfNoEntry: false }) !== undefined || folder === dirname(folder)) return folder
  }
}

/** What the journal does for a message that comes alone, in ms. */
function measureSyncs (folder: string): number[] {
  const path = join(folder, `.foyer-doctor.${process.pid}`)
  const bytes = Buffer.alloc(WRITE_BYTES, 'foyer')
  const file = openSync(path, 'wx', 0o600)
  try {
    return Array.from({ length: SYNCS }, () => {
      const start = performance.now()
      writeSync(file, bytes)
      fdatasyncSync(file)
      return performance.now() - start
    })
  } finally {
    closeSync(file)
    rmSync(path, { force: true })
  }
}

function duration (ms: number): string {
  return ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : `${ms.toFixed(1)} ms`
}

function size (bytes: number): string {
  return bytes < 1024 ** 3 ? `${Math.floor(bytes / 1024 ** 2)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`
}
