import { serveCalls } from '../../threads/worker-server.ts'
import { LineEncoder } from './line-encoder.ts'
import type { Calls } from './worker-protocol.ts'

/** The thread that writes lines: a block of records takes a tenth of a second, which the event loop of the broker is spared. */
const encoder = new LineEncoder()

serveCalls<Calls>(({ records, since }) => encoder.encode(records, since), (lines) => lines === null ? [] : [lines.bytes.buffer, lines.ends.buffer])
