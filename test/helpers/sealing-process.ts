import { openDuckdbStore } from '../../bridge/store/duckdb/duckdb-store.ts'
import { createMessages, recordsOf } from './bridge-messages.ts'

// Runs as a process of its own: sealing-process.ts FOLDER. Stores messages that go on behind what the store has, has them
// sealed and brought together all the time, and prints the position of the last one after each append. Never ends.

const BATCH = 20
const dataDir = process.argv[2]!
const store = await openDuckdbStore({ dataDir, sizes: { rows: 50 } })
const make = store.newestAtOpen === null ? createMessages() : createMessages(store.newestAtOpen + 1_000_000)
for (;;) {
  const messages = Array.from({ length: BATCH }, (_, i) => make({ room: `r${i % 3}`, payload: `${i}` }))
  await store.append(recordsOf(messages))
  process.stdout.write(`${messages.at(-1)!.time}\n`)
  void store.keep(Date.now()).catch(() => {})
}
