import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { FileLayer } from '../../broker/journal/file-layer.ts'
import { createBridge, type Bridge } from '../../bridge/index.ts'
import { request } from './bridge-server.ts'
import { newBroker, type Keys, type TestBroker } from './foyer.ts'
import type { Teardown } from './teardown.ts'
import { until } from './within.ts'

/** A broker and a bridge in this process, closed at teardown. */
export interface Observed extends TestBroker {
  readonly bridge: Bridge
  scrape (): Promise<Scrape>
}

export async function observe (t: Teardown, keys: Keys = {}, files?: FileLayer): Promise<Observed> {
  const foyer = await newBroker(t, keys, '', files === undefined ? {} : { files })
  const { broker, config } = foyer
  const bridge = await createBridge({ config, broker, logger: pino({ level: 'silent' }), version: 'test' })
  t.after(async () => {
    await broker.stop()
    await bridge.close()
  })
  const { http } = await bridge.listen({ mqtt: broker.addresses.mqtt, mqtts: null })
  return {
    ...foyer,
    bridge,
    async scrape () {
      const { status, text } = await request(`http://127.0.0.1:${http?.port}/metrics`)
      assert.equal(status, 200, text)
      return new Scrape(text)
    }
  }
}

/** Scrapes until everything is there that is only known once it was looked at for a while. */
export async function complete (scrape: () => Promise<Scrape>): Promise<Scrape> {
  let last = await scrape()
  await until(async () => {
    await sleep(60)
    last = await scrape()
    return last.values.has('nodejs_eventloop_lag_p99_seconds')
  }, 'a scrape with everything')
  return last
}

/** What `/metrics` said at one moment. */
export class Scrape {
  readonly text: string
  /** By series: `name`, or `name{label="value"}`. */
  readonly values: ReadonlyMap<string, number>

  constructor (text: string) {
    this.text = text
    this.values = new Map(text.split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => {
      const [, series, value] = /^([a-z_0-9]+(?:\{.*\})?) (\S+)$/.exec(line) ?? assert.fail(`no sample: ${line}`)
      return [series!, Number(value)]
    }))
  }

  get (series: string): number {
    return this.values.get(series) ?? assert.fail(`${series} is not in\n${this.text}`)
  }

  /** Over all labels. */
  sum (name: string): number {
    return [...this.values].filter(([series]) => series.startsWith(`${name}{`)).reduce((sum, [, value]) => sum + value, 0)
  }

  /** Those series of a metric that are not 0, by their labels. */
  counted (name: string): Record<string, number> {
    return Object.fromEntries([...this.values].filter(([series, value]) => series.startsWith(`${name}{`) && value !== 0).map(([series, value]) => [series.slice(name.length), value]))
  }
}
