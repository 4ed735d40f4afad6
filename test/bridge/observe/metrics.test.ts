import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, it } from 'mocha'
import { register } from 'prom-client'
import type { DropReason } from '../../../broker/ledger.ts'
import { brokerMetrics } from '../../../bridge/observe/broker-metrics.ts'
import { exposition, metricGroup } from '../../../bridge/observe/metrics.ts'
import { createProcessMetrics } from '../../../bridge/observe/process-metrics.ts'
import { errors } from '../../../protocol/errors.ts'
import { run, TYPESCRIPT } from '../../helpers/cli-run.ts'
import { useServer } from '../../helpers/bridge-server.ts'
import { complete, Scrape } from '../../helpers/observe.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

describe('metrics', () => {
  const t = useTeardown()
  const serve = useServer()

  it('are read once per scrape, all groups in the same turn', async () => {
    let turn = 0
    let reads = 0
    const group = (name: string) => metricGroup([
      { name: `${name}_turn`, type: 'gauge', help: 'Turn.', collect: (turn: number) => turn },
      { name: `${name}_total`, type: 'counter', help: 'Twice that.', labelNames: ['of'], collect: turn => [{ labels: { of: 'x' }, value: turn * 2 }] },
      { name: `${name}_unknown`, type: 'gauge', help: 'Nobody knows.', collect: () => null }
    ], () => {
      reads++
      queueMicrotask(() => { turn++ })
      return turn
    })
    const groups = [group('a'), group('b')]
    const texts = await Promise.all([exposition(groups), exposition(groups)])
    assert.equal(reads, 4)
    for (const text of texts) assert.deepEqual([...new Scrape(text).values], [['a_turn', 0], ['a_total{of="x"}', 0], ['b_turn', 0], ['b_total{of="x"}', 0]])
    const later = new Scrape(await exposition(groups))
    assert.equal(later.get('b_total{of="x"}'), 2 * later.get('a_turn'))
    assert.ok(later.get('a_turn') > 0)
  })

  it('have every code and reason from the start, so that sums and rates do', async () => {
    const reasons: Record<DropReason, 0> = { slow: 0, queueFull: 0, offline: 0, expired: 0, policy: 0, tooLarge: 0, sessionEnded: 0, unsubscribed: 0, journalFull: 0 }
    const none = { connections: 0, sessions: 0, subscriptions: 0, retained: 0, rooms: 0, participants: 0, received: 0, own: 0, accepted: 0, refused: new Map(), journaled: 0, unjournaled: 0, stored: 0, matched: 0, written: 0, waiting: 0, dropped: new Map() }
    const { values } = new Scrape(await exposition([brokerMetrics({ stats: () => none })]))
    for (const reason of Object.keys(reasons)) assert.equal(values.get(`foyer_deliveries_dropped_total{reason="${reason}"}`), 0, reason)
    for (const [code, { kind }] of errors) assert.equal(values.get(`foyer_messages_refused_total{code="${code}",kind="${kind}"}`), kind === 'refused' || kind === 'not-now' ? 0 : undefined, code)
    // A code that was counted is shown, whatever it is: without it the ledger would not balance.
    const counted = new Scrape(await exposition([brokerMetrics({ stats: () => ({ ...none, refused: new Map([['malformed', 1]]) }) })]))
    assert.equal(counted.get('foyer_messages_refused_total{code="malformed",kind="closed"}'), 1)
  })

  it('are all in docs/metrics.md, and it has no others', async () => {
    // Nothing listens there, so it waits for nobody.
    const server = await serve({ 'influx.url': 'http://127.0.0.1:1' })
    const { text } = await complete(async () => new Scrape((await server.get('/metrics')).text))
    const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
    const told = new Map(Array.from(page.matchAll(/^\| `([a-z_0-9]+)` \| (counter|gauge) \| ([^|]*) \| (.*) \|$/gm), ([, name, type, , meaning]) => [name, `${type}: ${meaning}`]))
    const there = new Map(Array.from(text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm), ([, name, help, type]) => [name, `${type}: ${help}`]))
    assert.ok(there.size > 20)
    assert.deepEqual(Object.fromEntries([...told].sort()), Object.fromEntries([...there].sort()))
  })

  it('leave nothing behind, however often they are asked for', async function () {
    this.timeout(60_000)
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const server = await serve()
    const held = (): Record<string, number> => ({
      listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
      // Timers, threads, sockets.
      resources: process.getActiveResourcesInfo().length,
      // The registry that all users of prom-client share.
      metrics: register.getMetricsAsArray().length,
      heap: process.memoryUsage().heapUsed
    })
    const scrapes = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) assert.equal((await server.get('/metrics')).status, 200)
    }
    // As many as are looked at then: V8 notes for some hundreds of calls how code is used.
    await scrapes(500)
    gc()
    const before = held()
    await scrapes(500)
    gc()
    const after = held()
    assert.deepEqual([after.listeners! <= before.listeners!, after.metrics], [true, 0], JSON.stringify({ before, after }))
    // The client that asks has timers of its own, and other things fill the heap.
    assert.ok(after.resources! < before.resources! + 5 && after.heap! < before.heap! + 1_000_000, JSON.stringify({ before, after }))
  })

  describe('of the process', () => {
    it('say how late the event loop is, from the second scrape on, and no more after close()', async () => {
      const { group, close } = createProcessMetrics()
      const lag = async (): Promise<(number | undefined)[]> => {
        const { values } = new Scrape(await exposition([group]))
        return ['p50', 'p99'].map(p => values.get(`nodejs_eventloop_lag_${p}_seconds`))
      }
      assert.deepEqual(await lag(), [undefined, undefined])
      // Below what lies between two looks, when the machine has nothing better to do.
      await until(async () => {
        await sleep(200)
        return (await lag())[0]! < 0.015
      }, 'an event loop in time')
      // Turns and not a time, which may pass in a single one.
      for (let turn = 0; turn < 20; turn++) await sleep(20)
      const end = performance.now() + 250
      while (performance.now() < end);
      await sleep(10)
      const [p50, p99] = await lag()
      assert.ok(p50! < 0.1 && p99! > 0.15 && p99! < 1, `${p50} ${p99}`)
      close()
      close()
      await sleep(100)
      assert.deepEqual(await lag(), [undefined, undefined])
      close()
    })

    it('agree with what the process knows of itself', async () => {
      const { group, close } = createProcessMetrics()
      t.after(close)
      const scrape = new Scrape(await exposition([group]))
      const { user, system } = process.cpuUsage()
      const { rss, heapUsed } = process.memoryUsage()
      const near = (name: string, value: number, much: number): void => assert.ok(Math.abs(scrape.get(name) - value) < much, `${name}: ${scrape.get(name)}, not ${value}`)
      near('process_cpu_seconds_total', (user + system) / 1e6, 0.5)
      near('process_resident_memory_bytes', rss, rss / 4)
      near('nodejs_heap_size_used_bytes', heapUsed, heapUsed / 2)
      near('process_start_time_seconds', Date.now() / 1000 - process.uptime(), 1)
      assert.ok(scrape.get('process_open_fds') > 10)
    })

    it('do not keep it alive', async () => {
      const script = "const { createProcessMetrics } = await import('./bridge/observe/process-metrics.ts'); const { exposition } = await import('./bridge/observe/metrics.ts'); console.log((await exposition([createProcessMetrics().group])).length > 500)"
      const { code, stdout, stderr } = await run(t, [process.execPath, TYPESCRIPT, '--input-type=module', '--eval', script], { ms: 10_000 })
      assert.deepEqual([code, stdout], [0, 'true\n'], stderr)
    })
  })
})
