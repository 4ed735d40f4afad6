import { createWriteStream } from 'node:fs'
import { link, rename, rm, stat } from 'node:fs/promises'
import type { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { reasonOf } from './data-directory.ts'
import { CommandError } from './fail.ts'

/** Throws a CommandError where a file must not be written: before anything is done for it. */
export async function checkOutput (path: string, force: boolean): Promise<void> {
  if (!force && await isFile(path)) throw taken(path)
}

/** What is to be written, and what it passes through. */
type Content = readonly [Readable, Transform]

/** Writes to a file, so that it is there whole or not at all. Throws a CommandError when it can't be written. */
export async function writeOutput (path: string, content: Content, force: boolean): Promise<void> {
  const exists = await stat(path).catch(() => null)
  // What is no file, as /dev/null or a named pipe, is written to as it is.
  if (exists !== null && !exists.isFile()) return await write(path, 'w', path, content)
  const draft = `${path}.${process.pid}.part`
  try {
    await write(draft, 'wx', path, content)
    await place(draft, path, force)
  } finally {
    await rm(draft, { force: true })
  }
}

async function write (draft: string, flags: string, path: string, content: Content): Promise<void> {
  try {
    await pipeline(...content, createWriteStream(draft, { flags, mode: 0o600, flush: flags === 'wx' }))
  } catch (error) {
    const { syscall = 'read' } = error as NodeJS.ErrnoException
    // It was the other end.
    if (syscall === 'read') throw error
    throw unwritable(path, error as NodeJS.ErrnoException)
  }
}

async function place (draft: string, path: string, force: boolean): Promise<void> {
  try {
    if (force) await rename(draft, path)
    // Unlike rename it takes no place that somebody else took meanwhile.
    else await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw taken(path)
    throw unwritable(path, error as NodeJS.ErrnoException)
  }
}

async function isFile (path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true
}

function taken (path: string): CommandError {
  return new CommandError(`${path} is there already. Name another file, or replace it with --force`)
}

function unwritable (path: string, error: NodeJS.ErrnoException): CommandError {
  const reason = error.code === 'ENOENT' ? 'its folder does not exist' : error.code === 'EISDIR' ? 'it is a folder' : reasonOf(error)
  return new CommandError(`${path} can't be written: ${reason}. Nothing is left of it; correct that, or name another file with --output`, { cause: error })
}
