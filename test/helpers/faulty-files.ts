import { diskFiles, type FileLayer } from '../../broker/journal/file-layer.ts'

/** The file system of this machine with some things done otherwise; a synced write is one of these writes and one of these syncs. */
export function diskFilesWith (others: Partial<Omit<FileLayer, 'writeSynced'>>): FileLayer {
  const files: FileLayer = {
    ...diskFiles,
    ...others,
    async writeSynced (fd, bytes, start, end, position) {
      await files.write(fd, bytes, start, end, position)
      await files.sync(fd)
    }
  }
  return files
}

/** A file system of this machine that fails on demand. */
export class FaultyFiles implements FileLayer {
  /** How many of the next syncs fail; Infinity = all. */
  failingSyncs = 0
  /** How many of the next reads fail. */
  failingReads = 0
  /** Bytes that may still be written before the disk is full. */
  room = Infinity
  /** How often each was asked for. */
  syncs = 0
  reads = 0
  writes = 0
  /** Holds syncs back until it resolves. */
  gate: Promise<void> | null = null

  async write (fd: number, bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    this.writes++
    const fits = Math.min(end - start, this.room)
    this.room -= fits
    await diskFiles.write(fd, bytes, start, start + fits, position)
    if (fits < end - start) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  }

  async sync (fd: number): Promise<void> {
    this.syncs++
    await this.gate
    if (this.failingSyncs > 0) {
      this.failingSyncs--
      throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
    }
    await diskFiles.sync(fd)
  }

  /** In two steps, so that each can fail. */
  async writeSynced (fd: number, bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    await this.write(fd, bytes, start, end, position)
    await this.sync(fd)
  }

  async read (fd: number, bytes: Uint8Array, position: number): Promise<number> {
    this.reads++
    if (this.failingReads > 0) {
      this.failingReads--
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
    }
    return await diskFiles.read(fd, bytes, position)
  }

  open = diskFiles.open
  truncate = diskFiles.truncate
  close = diskFiles.close
  makeDirectory = diskFiles.makeDirectory
  syncDirectory = diskFiles.syncDirectory
  list = diskFiles.list
  size = diskFiles.size
  rename = diskFiles.rename
  remove = diskFiles.remove
}
