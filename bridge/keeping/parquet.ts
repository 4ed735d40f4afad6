import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { HistoryQuery, KeepingStore } from '../store/store.ts'

/** Of the files that are made to be sent, and have no name any more while they are. */
export function exportFolder (dataDir: string): string {
  return join(dataDir, 'export')
}

let made = 0

/**
 * The messages of a query as a Parquet file, which is written whole before the first byte of it can be read: its end says
 * where everything is. It takes that much of the disk until the stream is closed, and is gone then, whatever happens.
 */
export async function parquet (store: Pick<KeepingStore, 'exportParquet'>, dataDir: string, query: HistoryQuery): Promise<Readable> {
  const folder = exportFolder(dataDir)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, `${process.pid}-${++made}.parquet`)
  try {
    await store.exportParquet(query, path)
    const file = await open(path)
    return file.createReadStream({ highWaterMark: 256 * 1024 })
  } finally {
    await rm(path, { force: true })
  }
}

/** Removes what a process that was killed was about to send. */
export async function forgetExports (dataDir: string): Promise<void> {
  await rm(exportFolder(dataDir), { recursive: true, force: true })
}
