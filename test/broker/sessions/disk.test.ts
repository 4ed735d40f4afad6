import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const CLIENTS = 50

describe('a disk that fails while many publish', () => {
  const t = useTeardown()

  it('costs nothing that was acknowledged, and nothing is claimed that was not', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, {}, '', { files })
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/lobby/state/#', 1)
    await bob.end()
    const publishers = await Promise.all(Array.from({ length: CLIENTS }, async (_, i) => await broker.connect(`p${i}`)))
    const sent = publishers.map(() => 0)
    const acknowledged = publishers.map(() => 0)
    /** Everybody has five more on the way than were acknowledged. */
    const publishOn = (): void => {
      for (const [i, client] of publishers.entries()) {
        acknowledged[i]! += client.inbox.splice(0).filter(({ cmd }) => cmd === 'puback').length
        while (sent[i]! < acknowledged[i]! + 5) client.publish(`rooms/lobby/state/${i}`, String(sent[i]!), { qos: 1, messageId: ++sent[i]! })
      }
    }
    const total = (): number => acknowledged.reduce((sum, count) => sum + count, 0)
    for (let fault = 0; fault < 5; fault++) {
      const before = total()
      await until(() => { publishOn(); return total() > before + 300 }, 'that it goes on')
      files.failingSyncs = 1 + fault % 3
      await until(() => { publishOn(); return files.failingSyncs === 0 }, 'the fault')
    }
    // In the middle of a fault that does not end.
    files.failingSyncs = Infinity
    const { syncs } = files
    await until(() => { publishOn(); return files.syncs > syncs + 2 }, 'the last fault')
    publishOn()
    const image = broker.image()
    files.failingSyncs = 0
    publishOn()
    const told = [...acknowledged]
    await broker.foyer.close()
    await broker.resume(image)
    const again = await broker.connect('bob')
    const expected = told.reduce((sum, count) => sum + count, 0)
    const got = new Map<string, string[]>()
    let count = 0
    const take = (topic: string, payload: string): void => {
      const list = got.get(topic)
      if (list === undefined) got.set(topic, [payload])
      else list.push(payload)
      count++
    }
    await until(async () => {
      for (const { topic, payload, messageId } of await arrivals(again, 0)) {
        take(topic, payload.toString())
        again.send({ cmd: 'puback', messageId: messageId! })
      }
      return count >= expected && broker.foyer.broker.stats().waiting === 0
    }, 'that everything acknowledged arrives', 10_000)
    for (const [i, count] of told.entries()) {
      const numbers = got.get(`rooms/lobby/state/${i}`) ?? []
      assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, n) => String(n)), `those of p${i} are not whole and in order`)
      assert.ok(numbers.length >= count && numbers.length <= sent[i]!, `p${i}: ${count} acknowledged, ${numbers.length} there, ${sent[i]} sent`)
    }
    assert.equal(texts(await arrivals(again, 0)).length, 0)
  })
})
