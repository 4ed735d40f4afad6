import { join } from 'node:path'

/** How many messages of a stopped server are in its journal and not in its store, up to the position `newest`. */
export async function countUnstored (dataDir: string, newest: number | null): Promise<number> {
  const [{ inspectJournal }, { readMessage, recordTime, RecordType, recordType }] = await Promise.all([import('../broker/index.ts'), import('../protocol/record.ts')])
  let count = 0
  for await (const { bytes, records } of inspectJournal(join(dataDir, 'journal'))) {
    for (const start of records) {
      if (recordType(bytes, start) === RecordType.message && recordTime(bytes, start) > (newest ?? 0) && readMessage(bytes, start).stored) count++
    }
  }
  return count
}
