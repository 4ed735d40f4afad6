import { describe } from '../http/docs/describe.ts'
import { array, boolean, integer, nullable, number, object, table, text, time } from '../http/docs/schema.ts'

const counts = (what: string): ReturnType<typeof table> => table({ type: 'integer' }, what)

const ledger = object({
  received: integer('publishes that arrived, counted'),
  accepted: integer('of those accepted, counted'),
  refused: counts('of those refused, counted by code'),
  pending: integer('of those on the way to the disk now; with accepted and refused they are received'),
  own: integer('messages of the broker itself, counted; in none of the others'),
  journaled: integer('accepted messages that the journal holds, counted'),
  unjournaled: integer('accepted messages that it does not hold, counted; with journaled they are accepted'),
  stored: integer('journaled ones with history, counted'),
  matched: integer('deliveries that were due, counted'),
  written: integer('of those written to a connection, counted'),
  waiting: integer('of those waiting now; with written and dropped they are matched'),
  dropped: counts('of those dropped, counted by reason')
}, { description: 'what came, and what became of it' })

const latency = object({
  window: number('seconds that were looked at', 60),
  count: integer('messages that the journal took in them'),
  p50: nullable(number('seconds that half of them waited for it at most')),
  p99: nullable(number('seconds that 99 of 100 of them waited for it at most'))
}, { description: 'from a message being read to its being acknowledged and handed to who listens' })

const group = nullable(object({
  at: time('when it was written'),
  seconds: number('how long writing and syncing took'),
  bytes: integer('its size'),
  records: integer('how many it has'),
  synced: boolean('whether it was synced, as somebody waited for that')
}, { description: 'the newest group of records; null before the first' }))

const journal = object({
  bytes: integer('its size'),
  maxBytes: integer('what that may come to'),
  files: integer('in how many files'),
  position: nullable(text('cursor of the newest record', 'A5NEuux7hV--')),
  pendingBytes: integer('bytes that wait to be written'),
  groups: integer('groups that were written, counted'),
  faults: integer('attempts that failed, counted'),
  fault: nullable(text('why nothing could be written last')),
  lastGroup: group
})

const store = object({
  name: text('which', 'embedded', { enum: ['embedded', 'influx'] }),
  lag: object({ bytes: integer('bytes of the journal that it has yet to take'), seconds: number('how long the oldest of them has waited, at most') }),
  position: nullable(text('cursor up to which it has the journal', 'A5NEuux7hV--')),
  taken: integer('of ledger.stored those that it took, counted; the others are on their way'),
  missed: integer('times that files of the journal were removed before it had them, counted'),
  deadLetters: integer('messages that InfluxDB refused for good, counted'),
  fault: nullable(text('why it can\'t be written or read'))
}, { optional: ['deadLetters'] })

const queue = object({
  session: text('its name', 'ann/phone'),
  user: text('sub of its token', 'ann'),
  client: text('client id', 'phone'),
  messages: integer('messages that wait'),
  bytes: integer('bytes of those in memory; the others are in the journal'),
  inflight: integer('messages that were sent and not acknowledged'),
  socketBytes: integer('bytes that were sent and not taken'),
  stalled: nullable(number('seconds for which the socket has taken nothing; null while it does')),
  since: nullable(time('when the oldest in memory was published, or when an absent client left'))
})

const refusal = object({
  at: time('when, of the newest'),
  count: integer('how often the same code came for the same client'),
  from: text('what it came by', 'mqtt', { enum: ['mqtt', 'http'] }),
  what: text('what was refused, closed or dropped', 'publish', { enum: ['publish', 'subscription', 'connect', 'connection', 'delivery', 'request'] }),
  kind: text('what the sender may expect', 'refused', { enum: ['refused', 'not-now', 'connect', 'closed', 'http'] }),
  code: text('see docs/errors.md', 'policy'),
  user: nullable(text('sub, as far as it was known')),
  client: nullable(text('client id, as far as it was known')),
  address: text('where it came from', '192.0.2.7'),
  topic: nullable(text('topic or filter')),
  request: nullable(text('method and path, of what came over HTTP', 'POST /api/publish')),
  message: text('what exactly was wrong'),
  remedy: text('what to do about it')
})

const reason = object({
  code: text('see docs/errors.md', 'policy'),
  kind: text('as in refusals', 'refused'),
  mqtt: integer('how often it was said to what came by MQTT, counted'),
  http: integer('how often to what came by HTTP, counted')
})

const logEntry = object({
  at: time('when, of the newest'),
  count: integer('how often the same line was written'),
  level: text('how bad', 'error', { enum: ['error', 'fatal'] }),
  message: text('the line', 'messages could not be stored; they stay in the journal and are tried again'),
  detail: nullable(text('what the error says'))
})

const process = object({
  cpu: object({ user: number('seconds of all threads, counted'), system: number('the same in the kernel') }),
  memory: nullable(object({ rss: integer('bytes that the process occupies'), heapTotal: integer('size of the heap'), heapUsed: integer('of that in use'), external: integer('buffers outside of it') })),
  eventLoop: nullable(object({ p50: number('seconds that it was late, the median of the last second'), p99: number('in 99 of 100 cases at most'), max: number('at most') }, { description: 'null in the first answer' }))
})

export const statsSchema = describe({
  id: 'getStats',
  tag: 'Watching',
  summary: 'How the server is now',
  description: 'For a page that asks once a second. Sizes are in bytes, durations in seconds. What is counted begins at 0 when the process starts, so that the difference of two answers is a rate.',
  who: 'admin',
  method: 'GET',
  path: '/api/stats',
  answers: {
    200: {
      description: 'All of the same moment.',
      schema: object({
        time: time('when this was so'),
        version: text('of Foyer', '0.1.0'),
        started: time('when the process started'),
        uptime: number('seconds since then'),
        connections: integer('open MQTT connections'),
        transports: object({ tcp: integer('by TCP'), tls: integer('by TLS'), ws: integer('by WebSocket'), wss: integer('by WebSocket over TLS'), sse: integer('that follow GET /api/events') }, { description: 'the connections by what they came by' }),
        sessions: integer('sessions, those of absent clients included'),
        subscriptions: integer('of all sessions'),
        retained: integer('topics with a retained message'),
        rooms: integer('rooms with anybody in them'),
        participants: integer('users in all rooms, counted in each'),
        replays: integer('replays that are under way'),
        ledger,
        latency,
        journal,
        stores: array(store, 'the embedded one, and InfluxDB, as far as they are on'),
        slow: array(queue, 'the ten connected sessions that the most messages wait for'),
        absent: array(queue, 'the ten absent sessions that the most messages wait for'),
        refusals: array(refusal, 'the newest 50 refusals and errors, newest first'),
        reasons: array(reason, 'all refusals and errors by code, those that refusals has no more included'),
        log: array(logEntry, 'the newest 20 errors of the log, newest first'),
        process
      })
    }
  },
  problems: ['badRequest']
})
