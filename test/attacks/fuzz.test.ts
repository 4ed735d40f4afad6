import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { streams, type Stream } from '../helpers/attack-frames.ts'
import { seed } from '../helpers/attack-seed.ts'
import { rounds, useTarget } from '../helpers/attack-target.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { until, within } from '../helpers/within.ts'

const AT_ONCE = 20

/** Sends a stream; resolves when the broker has closed, or has had time to read all of it. */
async function play (port: number, { chunks, end }: Stream): Promise<void> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true).on('error', () => {}).resume()
  const closed = socket.closed ? Promise.resolve([]) : once(socket, 'close')
  for (const chunk of chunks) {
    if (socket.destroyed) break
    await new Promise<void>(resolve => socket.write(chunk, () => resolve()))
  }
  if (end === 'reset') socket.resetAndDestroy()
  else if (end === 'end') socket.end()
  else socket.end(Buffer.from([0xe0, 0]))
  await within(8000, `the broker did not let go of ${JSON.stringify(chunks.map(chunk => chunk.toString('hex')))}`, closed)
}

describe(`clients that send anything (seed ${seed})`, () => {
  const t = useTarget({ 'sessions.expiry': '1s', 'sessions.perUser': '100000', 'limits.retainedTopics': '200', 'limits.connectTimeout': '2s', 'queue.stallTimeout': '2s' })

  it('neither stop the broker nor hold up others', async function () {
    this.timeout(rounds(600_000, 60_000))
    const stream = streams(t.broker.token('d', { a: 'owner', '*': 'device' }))
    let slowest = 0
    await fc.assert(fc.asyncProperty(fc.array(stream, { minLength: AT_ONCE, maxLength: AT_ONCE }), async together => {
      await Promise.all(together.map(async stream => await play(t.port, stream)))
      slowest = Math.max(slowest, await t.canary.sing())
      await t.broker.snapshot()
      const errors = t.broker.takeLog().filter(line => Number(line.level) >= 50)
      assert.deepEqual(errors, [])
    }), { seed, numRuns: rounds(1000, 40), endOnFailure: !process.env.FOYER_TEST_SHRINK })
    // Streams that never get anywhere would prove nothing.
    const { accepted, refused } = await t.broker.snapshot()
    assert.ok(accepted > rounds(6000, 200), `only ${accepted} messages were accepted`)
    assert.ok(['policy', 'topic', 'belowQos'].every(code => refused[code]! > 0))
    assert.ok(slowest < 2000, `a healthy client waited ${Math.round(slowest)} ms`)
    // Wills may be put off until their session ends.
    await until(async () => (await t.broker.snapshot()).sessions === 2, 'that the sessions end')
    await forgetRetained()
  })

  /** Clears what streams have retained, so that everything can be seen to be gone. */
  async function forgetRetained (): Promise<void> {
    const client = await MqttClient.connect(t, { port: t.port, clientId: 'cleaner', username: 'x', password: t.broker.token('cleaner') })
    await client.subscribe('rooms/#')
    await client.settled()
    for (const packet of client.inbox) if (packet.cmd === 'publish') client.publish(packet.topic, '', { retain: true, qos: 1, messageId: 1 })
    await client.settled()
  }
})
