import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Connection, Outgoing } from '../../client/connection.ts'
import { FoyerClientError } from '../../client/errors.ts'
import { OfflineQueue } from '../../client/offline-queue.ts'
import { Publisher } from '../../client/publisher.ts'
import { Backoff } from '../../client/reconnect.ts'
import { Reports } from '../../client/reports.ts'
import { Ring } from '../../client/ring.ts'
import { Seen } from '../../client/seen.ts'

const TURN = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 0))

describe('the queues of a client', () => {
  it('keep order and count exactly, whatever is added, taken and settled', () => {
    const step = fc.oneof(fc.record({ add: fc.nat(40) }), fc.constant('take' as const), fc.record({ settle: fc.nat(20) }))
    fc.assert(fc.property(fc.nat(8), fc.nat(120), fc.array(step, { maxLength: 400 }), (messages, bytes, steps) => {
      const queue = new OfflineQueue<{ bytes: number, n: number }>({ messages, bytes })
      const waiting: { bytes: number, n: number }[] = []
      const taken: { bytes: number, n: number }[] = []
      steps.forEach((step, n) => {
        const all = [...waiting, ...taken]
        const held = all.reduce((sum, entry) => sum + entry.bytes, 0)
        if (step === 'take') {
          const expected = waiting.shift()
          assert.equal(queue.take(), expected)
          if (expected !== undefined) taken.push(expected)
        } else if ('add' in step) {
          const entry = { bytes: step.add, n }
          if (all.length + 1 > messages || held + step.add > bytes) {
            assert.throws(() => queue.add(entry), { code: 'queueFull' })
          } else {
            queue.add(entry)
            waiting.push(entry)
          }
        } else if (taken.length > 0) {
          queue.settle(taken.splice(step.settle % taken.length, 1)[0]!)
        }
        assert.equal(queue.messages, waiting.length + taken.length)
        assert.equal(queue.waiting, waiting.length)
      })
    }))
  })

  it('keep the latest where the oldest go', () => {
    fc.assert(fc.property(fc.nat(10), fc.array(fc.option(fc.nat()), { maxLength: 60 }), (capacity, steps) => {
      const ring = new Ring<number>(capacity)
      let model: number[] = []
      for (const value of steps) {
        if (value === null) {
          assert.deepEqual(ring.takeAll(), model)
          model = []
        } else {
          assert.equal(ring.add(value), model.length >= capacity ? 1 : 0)
          model = [...model, value].slice(-capacity || model.length + 1)
        }
        assert.equal(ring.size, model.length)
      }
    }))
  })

  it('settle every message once, and send first what was given first, over any losses of the connection', async () => {
    const step = fc.constantFrom('publish', 'publish', 'acknowledge', 'acknowledge', 'refuse', 'down', 'up', 'loose')
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 5 }), async (steps, window) => {
      const sent: number[] = []
      /** What was sent again since the connection came. */
      let repeated: number[] = []
      const inFlight: { n: number, messageId: number, done: (reasonCode: number) => void }[] = []
      let ids = 0
      const connection = {
        isUp: false,
        receiveMaximum: window,
        maximumPacketSize: 1000,
        publish ({ payload, qos }: Outgoing, done: (reasonCode: number) => void, again?: number) {
          assert.ok(connection.isUp, 'it hands over only while there is a connection')
          if (qos === 0) {
            done(0)
            return 0
          }
          const before = inFlight.findIndex(({ messageId }) => messageId === again)
          if (before >= 0) {
            inFlight[before] = { n: payload[0]!, messageId: again!, done }
            repeated.push(payload[0]!)
            return again
          }
          sent.push(payload[0]!)
          inFlight.push({ n: payload[0]!, messageId: ++ids, done })
          assert.ok(inFlight.length <= window)
          return ids
        }
      }
      let loose = 0
      const publisher = new Publisher(connection as unknown as Connection, new Reports(() => {}), { queue: { messages: 50, bytes: 1e6 }, ring: 3, onDropped: count => { loose += count } })
      const outcomes: string[][] = []
      const settleOne = (reasonCode: number): void => {
        const entry = connection.isUp ? inFlight.shift() : undefined
        if (entry === undefined) return
        publisher.ack({ messageId: entry.messageId, reasonCode, reason: '', id: `id${entry.n}` })
        entry.done(reasonCode)
      }
      const comeBack = (): void => {
        if (connection.isUp) return
        connection.isUp = true
        repeated = []
        const unanswered = inFlight.map(({ n }) => n)
        publisher.up()
        assert.deepEqual(repeated, unanswered)
      }
      let given = 0
      for (const step of steps) {
        switch (step) {
          case 'publish': {
            const n = given++
            outcomes[n] = []
            publisher.publish({ topic: 't', payload: Uint8Array.of(n), qos: 1, retain: false }).then(({ id }) => outcomes[n]!.push(String(id)), (error: FoyerClientError) => outcomes[n]!.push(error.code))
            break
          }
          case 'acknowledge': settleOne(0); break
          case 'refuse': settleOne(0x87); break
          case 'loose': void publisher.publish({ topic: 't', payload: new Uint8Array(1), qos: 0, retain: false }); break
          case 'down':
            connection.isUp = false
            publisher.down()
            break
          case 'up': comeBack()
        }
      }
      comeBack()
      const half = inFlight.length
      for (let i = 0; i < half; i++) settleOne(0)
      publisher.close(new FoyerClientError('closed'))
      await TURN()
      assert.ok(outcomes.every(outcome => outcome.length === 1))
      assert.deepEqual(sent, [...sent].sort((a, b) => a - b), 'in order')
      outcomes.forEach(([outcome], n) => assert.ok([`id${n}`, 'policy', 'closed', 'queueFull'].includes(outcome!), outcome))
      assert.equal(publisher.dropped, loose)
      // Sent ones that were answered are neither lost nor said to be closed.
      assert.ok(outcomes.filter(([outcome]) => outcome === 'closed').length <= given - (sent.length - inFlight.length))
    }), { numRuns: 150 })
  })

  it('wait at random, longer and longer, and begin anew', () => {
    const backoff = new Backoff(() => 0.999)
    const waits = Array.from({ length: 12 }, () => backoff.next())
    assert.deepEqual(waits.slice(0, 3), [249, 499, 999])
    assert.ok(waits.every((wait, i) => wait <= 30_000 && (i === 0 || wait >= waits[i - 1]!)))
    backoff.reset()
    assert.ok(backoff.next() < 250)
    assert.equal(new Backoff(() => 0).next(), 0)
  })

  it('know an id again among thousands, and forget the oldest', () => {
    const seen = new Seen()
    for (let i = 0; i < 10_000; i++) assert.equal(seen.add(`A${i}`), true)
    assert.equal(seen.add('A9999'), false)
    assert.equal(seen.add('A6000'), false)
    assert.equal(seen.add('A0'), true)
  })
})
