import { once } from 'node:events'
import type net from 'node:net'
import mqttPacket from 'mqtt-packet'
import { connect } from '../connect.ts'
import { percentile } from '../statistics.ts'
import { filterOf } from './workload.ts'

// Runs as a process of its own: readers.ts PORT PASSWORD REPLAYS. Says `{}` when everybody is connected, begins all replays
// at a line on its input, and says what came when each of them has its marker.

/** Seconds from SUBSCRIBE to the marker, and what came before it. */
export interface Readers {
  readonly medianSeconds: number
  readonly maxSeconds: number
  /** Messages of each replay. */
  readonly counts: readonly number[]
  readonly cpuSeconds: number
}

const PUBLISH = 3
const DOLLAR = 0x24

/** Counts messages until the marker. */
async function follow (socket: net.Socket): Promise<number> {
  let rest: Buffer = Buffer.alloc(0)
  let count = 0
  return await new Promise(resolve => {
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      while (at + 3 <= bytes.length) {
        const long = bytes[at + 1]! >= 0x80
        const body = at + (long ? 3 : 2)
        const end = body + (long ? (bytes[at + 1]! & 0x7f) | (bytes[at + 2]! << 7) : bytes[at + 1]!)
        if (end > bytes.length) break
        if (bytes[at]! >> 4 === PUBLISH) {
          if (bytes[body + 2] !== DOLLAR) count++
          else if (bytes.subarray(body, end).includes('"complete":true')) resolve(count)
        }
        at = end
      }
      rest = bytes.subarray(at)
    })
  })
}

async function run (port: number, password: string, replays: number): Promise<void> {
  const sockets: net.Socket[] = []
  for (let i = 0; i < replays; i++) {
    const socket = await connect(port, `reader-${i}`, password)
    socket.write(mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$me/replay', qos: 0 }] }))
    await once(socket, 'data')
    sockets.push(socket)
  }
  console.log('{}')
  await once(process.stdin, 'data')
  const begin = performance.now()
  const cpu = process.cpuUsage()
  const results = await Promise.all(sockets.map(async (socket, i) => {
    socket.write(mqttPacket.generate({ cmd: 'subscribe', messageId: 2, subscriptions: [{ topic: filterOf(i), qos: 0 }] }))
    const count = await follow(socket)
    return { count, seconds: (performance.now() - begin) / 1000 }
  }))
  const { user, system } = process.cpuUsage(cpu)
  const seconds = Float64Array.from(results, ({ seconds }) => seconds)
  console.log(JSON.stringify({ medianSeconds: percentile(seconds, 50), maxSeconds: percentile(seconds, 100), counts: results.map(({ count }) => count), cpuSeconds: (user + system) / 1e6 } satisfies Readers))
}

await run(Number(process.argv[2]), process.argv[3]!, Number(process.argv[4]))
