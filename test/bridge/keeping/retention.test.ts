import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { openDuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import { createBridge } from '../../../bridge/index.ts'
import { createLog } from '../../helpers/bridge-log.ts'
import { createMessages, recordsOf } from '../../helpers/bridge-messages.ts'
import { newBroker } from '../../helpers/foyer.ts'
import { request } from '../../helpers/bridge-server.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const HOUR = 3_600_000_000

describe('a server with retention', function () {
  this.timeout(90_000)
  const t = useTeardown()

  it('removes by itself what it has had for long enough, and keeps the rest', async () => {
    const foyer = await newBroker(t, {}, 'channels: { telemetry: { retention: 1h } }\nrooms: { vault: { retention: off }, "hall*": { retention: 2h } }')
    const { dataDir } = foyer.config
    const store = await openDuckdbStore({ dataDir })
    const make = createMessages(Date.now() * 1000 - 1.5 * HOUR)
    const of = (room: string, channel: string): ReturnType<typeof make> => make({ room, channel, topic: `rooms/${room}/${channel}` })
    await store.append(recordsOf([of('lobby', 'telemetry'), of('lobby', 'state'), of('hall-1', 'state'), of('vault', 'state'), of('vault', 'telemetry')]))
    await store.close()
    const bridge = await createBridge({ config: foyer.config, broker: foyer.broker, logger: createLog().logger, version: 'test' })
    t.after(() => bridge.close())
    const { http } = await bridge.listen()
    const admin = foyer.token('root', {}, { admin: true })
    const topics = async (): Promise<string[]> => (await request(`http://127.0.0.1:${http!.port}/api/export`, admin)).text.split('\n').slice(0, -1).map(line => (JSON.parse(line) as { topic: string }).topic)
    assert.equal((await topics()).length, 5)
    await until(async () => (await topics()).length < 5, 'that something is removed', 60_000)
    assert.deepEqual(await topics(), ['rooms/lobby/state', 'rooms/hall-1/state', 'rooms/vault/state'])
  })
})
