import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Journal } from '../../../broker/journal/journal.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { refusalOf } from '../../helpers/limits.ts'
import { MqttClient } from '../../helpers/mqtt-client.ts'
import { Restarts } from '../../helpers/restart.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const CLIENTS = 60
/** They make what is written of a session some kilobytes long. */
const ROOMS = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a-room-with-some-name-${i}`, 'owner']))

describe('how many sessions there may be', () => {
  const t = useTeardown()

  it('is limited over all users, and the limit holds over a kill', async () => {
    const broker = await Restarts.begin(t, { 'limits.sessions': '3' })
    for (const name of ['a', 'b', 'c']) await (await broker.connect(name)).end()
    await broker.kill()
    const { connack } = await open(t, broker, 'd', 5)
    assert.match(refusalOf(connack), /^3 sessions are kept, as many as limits.sessions allows$/)
    assert.equal((await open(t, broker, 'd', 4)).connack.returnCode, 3)
    // Those that are there, and those that end with their connection, are not in question.
    assert.equal((await broker.open('a')).present, true)
    await (await broker.connect('d', { clean: true })).end()
    // One that ends makes room.
    await (await broker.connect('a', { clean: true })).end()
    assert.equal((await broker.open('d')).present, false)
    await assert.rejects(broker.open('e'), /refused with 3/)
  })

  it('is not limited by memory while the disk fails: who comes again and again is told why, and leaves nothing', async () => {
    const files = new FaultyFiles()
    const broker = await Restarts.begin(t, { 'admission.maxWait': '1s', 'limits.pendingSockets': '1000' }, '', { files })
    const names = Array.from({ length: CLIENTS }, (_, i) => `c${i}`)
    for (const name of names) await (await broker.connect(name, { rooms: ROOMS })).end()
    await until(() => broker.foyer.broker.stats().connections === 0, 'that all ends are seen')
    await broker.foyer.broker.journal.flush()
    const journal = broker.foyer.broker.journal as Journal
    files.failingSyncs = Infinity
    const reasons = new Set<string>()
    const pending: number[] = []
    for (let round = 0; round < 3; round++) {
      await Promise.all([...names, ...names.map(name => `new-${round}-${name}`)].map(async name => {
        const { client, connack } = await open(t, broker, name, 5)
        reasons.add(refusalOf(connack))
        await client.closed
      }))
      pending.push(journal.pendingBytes)
    }
    assert.equal([...reasons].filter(reason => !/^the journal in .* can't be written: EIO/.test(reason)).join(), '')
    assert.ok(pending.every(bytes => bytes < 128 * 1024), `${pending.join(', ')} bytes wait`)
    assert.equal(broker.foyer.broker.stats().sessions, CLIENTS)
    files.failingSyncs = 0
    await until(() => journal.fault === null, 'that the journal is written')
    for (const name of names) assert.equal((await broker.open(name, { rooms: ROOMS })).present, true)
    await broker.foyer.broker.journal.flush()
    await broker.kill()
    assert.equal(broker.foyer.broker.stats().sessions, CLIENTS)
  })
})

async function open (t: Teardown, { foyer }: Restarts, name: string, protocolVersion: 4 | 5): ReturnType<typeof MqttClient.open> {
  return await MqttClient.open(t, {
    port: foyer.port,
    protocolVersion,
    clientId: name,
    clean: false,
    username: 'x',
    password: Buffer.from(foyer.token(name, ROOMS)),
    ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 600 } } : {})
  })
}
