import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { decodeCursor } from '../../protocol/cursor.ts'
import { rounds } from '../helpers/attack-target.ts'
import { foyer as runFoyer, temporaryFolder } from '../helpers/cli-run.ts'
import { history, serveWithSecret, token, type HistoryEntry, type Served } from '../helpers/cli-serve.ts'
import { InfluxLoad } from '../helpers/influx-load.ts'
import { InfluxServer } from '../helpers/influx-server.ts'
import { Scrape } from '../helpers/observe.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** Milliseconds that InfluxDB is away, and what is acknowledged meanwhile at least. */
const AWAY_MS = rounds(60_000, 2000)
const AWAY_COUNT = rounds(20_000, 1000)

/** How long it may take until InfluxDB has everything; the recorder tries every 30 s in the end. */
const CATCH_UP_MS = 120_000

describe('an InfluxDB beside Foyer', function () {
  this.timeout(600_000)
  const t = useTeardown()

  const scrape = async ({ ports }: Served): Promise<Scrape> => new Scrape(await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text())
  const ready = async ({ ports }: Served): Promise<number> => (await fetch(`http://127.0.0.1:${ports.http}/readyz`)).status

  /** All that history holds, oldest first. */
  async function all ({ ports }: Served): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = []
    for (let before = ''; ;) {
      const page = await history(ports.http, token('ann'), 'lobby', `?filter=telemetry/%23&limit=1000${before}`)
      if (page.length === 0) return entries.reverse()
      entries.push(...page)
      before = `&before=${page.at(-1)!.id}`
    }
  }

  /** What InfluxDB holds, as history would show it. */
  async function held (influx: InfluxServer): Promise<object[]> {
    const rows = await influx.query('SELECT "topic","sender","qos","payload","value" FROM messages WHERE "channel" = \'telemetry\'')
    return rows.map(([time, topic, sender, qos, payload, value]) => {
      assert.equal(value, Number(payload))
      return { time, topic, sender, qos, payload: Number(payload) }
    })
  }

  /** RFC 3339 with the nanoseconds, as InfluxDB writes it. */
  const timeOf = (id: string): string => {
    const { time } = decodeCursor(id)!
    const fraction = String(time % 1_000_000).padStart(6, '0').replace(/0+$/, '')
    return new Date(time / 1000).toISOString().replace(/\.\d+Z$/, fraction === '' ? 'Z' : `.${fraction}Z`)
  }

  async function caughtUp (foyer: Served): Promise<void> {
    await until(async () => (await scrape(foyer)).get('foyer_influx_lag_bytes') === 0, 'that InfluxDB has everything', CATCH_UP_MS)
  }

  it('gets every message once, whoever is killed and however long it is away', async () => {
    const influx = await InfluxServer.start(t)
    const dataDir = temporaryFolder(t)
    const begin = async (): Promise<Served> => await serveWithSecret(t, { dataDir, flags: ['--influx-url', influx.url, '--store-flush-interval', '50ms'] })
    let foyer = await begin()
    const load = new InfluxLoad(t)
    await load.start(foyer.ports.mqtt)
    await until(async () => Number((await influx.query('SELECT count("qos") FROM messages'))[0]?.[1] ?? 0) > 500, 'that InfluxDB gets something', 30_000)

    // Away in the middle of writes, for long: nobody else notices.
    await influx.stop('SIGKILL')
    const since = performance.now()
    await load.more(AWAY_COUNT)
    await until(() => performance.now() - since > AWAY_MS, 'the end of its absence', AWAY_MS + 1000)
    const away = await scrape(foyer)
    assert.equal(away.get('foyer_influx_up'), 0)
    assert.ok(away.get('foyer_influx_lag_bytes') > AWAY_COUNT * 40 && away.get('foyer_recorder_lag_seconds') < 5, away.text)
    assert.equal(await ready(foyer), 200)
    const told = foyer.log().filter(({ store, level }) => store === 'influx' && Number(level) >= 50)
    assert.ok(told.length > 0 && told.length < 3 + AWAY_MS / 10_000, `${told.length} lines`)
    assert.match(JSON.stringify(told[0]), /ECONNREFUSED|socket hang up|ECONNRESET/)

    // Killed meanwhile, and started while it is still away.
    await foyer.process.stop('SIGKILL')
    await load.stop()
    foyer = await begin()
    assert.equal(foyer.log().filter(({ msg }) => /^InfluxDB at .* does not take or answer anything now .*; messages stay in the journal until then$/.test(String(msg))).length, 1)
    await load.start(foyer.ports.mqtt)
    await load.more(200)

    await influx.start()
    await caughtUp(foyer)
    await load.more(200)
    for (let round = 0; round < rounds(10, 2); round++) {
      await influx.stop('SIGKILL')
      await influx.start()
      await load.more(100)
      await foyer.process.stop('SIGKILL')
      await load.stop()
      foyer = await begin()
      await load.start(foyer.ports.mqtt)
      await load.more(100)
    }
    await load.stop()
    await caughtUp(foyer)

    const expected = (await all(foyer)).map(({ id, topic, sender, qos, payload }) => ({ time: timeOf(id), topic, sender, qos, payload }))
    const found = await held(influx)
    assert.equal(found.length, expected.length)
    assert.deepEqual(found, expected)
    const numbers = new Set(expected.map(({ payload }) => payload))
    assert.equal(numbers.size, expected.length, 'nothing is there twice')
    for (const number of load.acknowledged) assert.ok(numbers.has(number), `${number} was acknowledged and is gone`)
    assert.equal((await scrape(foyer)).get('foyer_influx_dead_letters_total'), 0)
  })

  it('answers alone where nothing is embedded, and is what verify compares with', async () => {
    const influx = await InfluxServer.start(t)
    const dataDir = temporaryFolder(t)
    const begin = async (): Promise<Served> => await serveWithSecret(t, { dataDir, flags: ['--influx-url', influx.url, '--store-embedded', 'off', '--store-flush-interval', '50ms'] })
    let foyer = await begin()
    const load = new InfluxLoad(t)
    await load.start(foyer.ports.mqtt)
    await load.more(300)
    await influx.stop('SIGKILL')
    await load.more(100)
    await until(async () => await ready(foyer) === 503, 'that Foyer is not ready', 10_000)
    await influx.start()
    await until(async () => await ready(foyer) === 200, 'that it is ready', 60_000)
    await load.stop()
    await foyer.process.stop('SIGKILL')
    foyer = await begin()
    const entries = await all(foyer)
    const payloads = entries.map(({ payload }) => payload)
    const first = entries.find(({ topic }) => topic.endsWith('/0'))
    assert.equal(new Set(payloads).size, payloads.length)
    for (const number of load.acknowledged) assert.ok(payloads.includes(number), `${number} was acknowledged and is gone`)
    // History has what is on the way to InfluxDB, too.
    await until(async () => (await held(influx)).length >= payloads.length, 'that InfluxDB has all of it', 30_000)
    assert.equal((await held(influx)).length, payloads.length)

    await foyer.process.stop()
    const env = { FOYER_INFLUX_URL: influx.url, FOYER_STORE_EMBEDDED: 'off' }
    const verify = async () => await runFoyer(t, ['verify', '--data-dir', dataDir], { env })
    const { code, stdout, stderr } = await verify()
    assert.deepEqual([code, stderr], [0, ''], stdout)
    assert.match(stdout, /ok: it balances/)
    await influx.write(`messages,channel=telemetry,node=0,room=lobby,topic=rooms/lobby/telemetry/ann/0 payload="0",bytes=1i,qos=1i,sender="eve" ${decodeCursor(first!.id)!.time}000`)
    assert.match((await verify()).stderr, /1 message is in the store with another topic, sender, QoS or payload than in the journal/)
    await influx.stop()
    const down = await verify()
    assert.deepEqual([down.code, /InfluxDB at .* does not take or answer anything now/.test(down.stderr)], [1, true], down.stderr)
  })
})
