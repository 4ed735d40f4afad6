import type { FileLayer } from './file-layer.ts'
import type { SegmentIndex } from './segment-index.ts'
import { indexPath, type Segment } from './segment.ts'

/** Writes the index of a complete file beside it. Not synced: one that is not whole is made anew. */
export async function writeIndex (directory: string, files: FileLayer, { sequence, length }: Segment, index: SegmentIndex): Promise<void> {
  const bytes = index.encode(length)
  const path = indexPath(directory, sequence)
  const draft = `${path}.new`
  await files.remove(draft)
  const fd = await files.open(draft, true)
  try {
    await files.write(fd, bytes, 0, bytes.length, 0)
  } finally {
    await files.close(fd)
  }
  await files.rename(draft, path)
}
