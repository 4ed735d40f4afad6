import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { pino } from 'pino'
import { pastOfStore } from '../../../bridge/history/past-of-store.ts'
import { createRecorder } from '../../../bridge/recorder/recorder.ts'
import { openDuckdbStore } from '../../../bridge/store/duckdb/duckdb-store.ts'
import { encodeCursor } from '../../../protocol/cursor.ts'
import { newBroker, type Keys } from '../../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../../helpers/mqtt-client.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const X = 'rooms/lobby/telemetry/d/x'
const Y = 'rooms/hall/telemetry/d/y'

interface Marker { readonly filter: string, readonly cursor: string, readonly replayed?: number, readonly complete?: boolean }

describe('a replay', () => {
  const t = useTeardown()

  /** A broker with history that can be held back: what it holds is in the journal alone. */
  async function setUp (keys: Keys = {}, yaml = '') {
    const foyer = await newBroker(t, keys, yaml)
    const store = await openDuckdbStore({ dataDir: foyer.config.dataDir })
    let held: Promise<void> | null = null
    const slow = { newestAtOpen: store.newestAtOpen, append: async (records: Uint8Array<ArrayBuffer>): Promise<void> => {
      await held
      await store.append(records)
    } }
    const recorder = createRecorder({ journal: foyer.broker.journal, store: slow, logger: pino({ level: 'silent' }), flushInterval: 10 })
    foyer.broker.remember(pastOfStore(store, recorder))
    t.after(async () => {
      await foyer.broker.stop()
      await recorder.close()
      await store.close()
    })
    const open = async (name: string, more: Partial<ConnectOptions> = {}): Promise<MqttClient> => await MqttClient.connect(t, { port: foyer.port, clientId: name, username: 'x', password: Buffer.from(foyer.token(name)), ...more })
    const publisher = await open('ann')
    let n = 0
    return {
      foyer,
      open,
      /** As many more on each topic, numbered through. */
      async publish (count: number, ...topics: string[]): Promise<void> {
        for (let i = 0; i < count; i++) for (const topic of topics) publisher.publish(topic, String(++n), { qos: 1, messageId: n })
        await publisher.settled()
      },
      stored: () => recorder.flush(),
      /** History takes nothing more until the returned function is called. */
      hold: (): () => void => {
        let release!: () => void
        held = new Promise(resolve => { release = resolve })
        return () => {
          held = null
          release()
        }
      }
    }
  }

  const numbers = (client: MqttClient): number[] => client.inbox.filter(packet => packet.cmd === 'publish' && !packet.topic.startsWith('$')).map(packet => Number((packet as IPublishPacket).payload))
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

  async function marker (client: MqttClient): Promise<Marker> {
    const packet = await client.find(packet => packet.cmd === 'publish' && packet.topic === '$me/replay' && packet.payload.includes('"complete"'), 'marker', 10_000) as IPublishPacket
    return JSON.parse(packet.payload.toString()) as Marker
  }

  /** Whoever is told when a replay is over. */
  async function reader (open: (name: string, more?: Partial<ConnectOptions>) => Promise<MqttClient>, more: Partial<ConnectOptions> = {}): Promise<MqttClient> {
    const client = await open('bob', more)
    await client.subscribe('$me/replay', 0, 1)
    return client
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`brings what was stored, then the marker, then what comes (level ${protocolVersion})`, async () => {
      const { open, publish, stored } = await setUp()
      await publish(300, X)
      await stored()
      await publish(50, X)
      const bob = await reader(open, { protocolVersion })
      assert.deepEqual(await bob.subscribe(`$replay/last=200/${X}`, 0, 2), [0])
      const { cursor, ...rest } = await marker(bob)
      assert.deepEqual(rest, { filter: `$replay/last=200/${X}`, replayed: 200, complete: true })
      assert.match(cursor, /^[\w-]{12}$/)
      assert.deepEqual(numbers(bob), range(151, 350))
      await publish(20, X)
      await until(() => numbers(bob).length === 220, 'that live ones come')
      assert.deepEqual(numbers(bob), range(151, 370))
      assert.ok(bob.inbox.every(packet => packet.cmd !== 'publish' || !packet.retain))
    })
  }

  it('is the same wherever the messages are: in history, in the journal, or on their way from the one to the other', async () => {
    const { open, publish, stored, hold } = await setUp()
    await publish(700, X, Y)
    await stored()
    const release = hold()
    await publish(700, X, Y)
    const bob = await reader(open)
    await bob.subscribe('$replay/1h/rooms/+/telemetry/#', 0, 2)
    await until(() => numbers(bob).length > 100, 'that it has begun')
    release()
    await publish(100, X, Y)
    await until(() => numbers(bob).length >= 3000, 'that all come', 20_000)
    assert.deepEqual(numbers(bob), range(1, 3000))
  })

  it('begins where it is told', async () => {
    const { open, publish, stored } = await setUp()
    await publish(3, X)
    const between = Date.now() + 1
    await until(() => Date.now() > between + 1, 'that the clock goes on')
    await publish(3, X)
    await stored()
    const first = await open('first', { protocolVersion: 5 })
    await first.subscribe(`$replay/last=6/${X}`, 0, 2)
    await until(() => numbers(first).length === 6, 'all')
    const ids = first.inbox.filter((packet): packet is IPublishPacket => packet.cmd === 'publish').map(({ properties }) => properties!.userProperties!.id as string)
    for (const [since, from] of [['last=1', 6], ['last=4', 3], ['last=1000', 1], ['1h', 1], ['0s', 7], [`after=${ids[2]}`, 4], [`after=${ids[5]}`, 7], [`from=${new Date(between).toISOString()}`, 4], [`from=${between}`, 4], ['from=2020-01-01', 1]] as const) {
      const bob = await reader(open)
      await bob.subscribe(`$replay/${since}/${X}`, 0, 2)
      const { replayed, complete } = await marker(bob)
      assert.deepEqual([replayed, complete], [7 - from, true], since)
      assert.deepEqual(numbers(bob), range(from, 6), since)
      await bob.end()
    }
  })
})
