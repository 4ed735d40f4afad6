import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { connect as mqttConnect } from 'mqtt'
import { rounds } from '../helpers/attack-target.ts'
import { serveWithSecret, token } from '../helpers/cli-serve.ts'
import { temporaryFolder, type Running } from '../helpers/cli-run.ts'
import { describeAsRoot, SmallDisk } from '../helpers/small-disk.ts'
import { mosquittoSub } from '../helpers/system-mosquitto.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** Messages per second, of all QoS. */
const RATE = 5000
const TICK_MS = 10

/** Publishes numbers on a topic, some at each QoS, until it is stopped. */
class Stream {
  count = 0
  private readonly timer: NodeJS.Timeout
  private readonly publish: (number: number) => void

  constructor (t: Teardown, publish: (number: number) => void) {
    this.publish = publish
    const began = performance.now()
    this.timer = setInterval(() => {
      while (this.count < (performance.now() - began) * RATE / 1000) this.publish(++this.count)
    }, TICK_MS)
    t.after(() => this.stop())
  }

  stop (): void {
    clearInterval(this.timer)
  }
}

/** The numbers that a shell printed, of one topic. */
function printed ({ stdout }: Running, topic: string): number[] {
  return stdout.slice(0, stdout.lastIndexOf('\n')).split('\n').filter(line => line.startsWith(`${topic} `)).map(line => Number((JSON.parse(line.slice(topic.length + 1)) as { value: number }).value))
}

describe('a replay in the shell', function () {
  this.timeout(60_000)
  const t = useTeardown()

  for (const version of ['311', '5'] as const) {
    it(`begins in the middle of a stream, with the last thousand and all that come, in order and once each (${version})`, async () => {
      const server = await serveWithSecret(t)
      const publisher = mqttConnect(`mqtt://127.0.0.1:${server.ports.mqtt}`, { username: 'x', password: token('ann'), reconnectPeriod: 0 })
      t.after(() => { publisher.end(true) })
      await new Promise(resolve => publisher.once('connect', resolve))
      const stream = new Stream(t, number => publisher.publish('rooms/lobby/messages', String(number), { qos: (number % 3) as 0 | 1 | 2 }))
      await until(() => stream.count > 12_000, 'that the stream has gone on for some seconds', 20_000)
      const shell = await mosquittoSub(t, ['$replay/last=1000/rooms/lobby/messages'], { port: server.ports.mqtt, token: token('bob'), version, qos: 1 })
      const from = stream.count
      await until(() => stream.count > from + 10_000, 'that it goes on', 20_000)
      stream.stop()
      await until(() => printed(shell, 'rooms/lobby/messages').at(-1) === stream.count, `that ${stream.count} is printed, not ${printed(shell, 'rooms/lobby/messages').at(-1)}`, 20_000)
      const numbers = printed(shell, 'rooms/lobby/messages')
      const first = numbers[0]!
      assert.deepEqual(numbers, Array.from({ length: stream.count - first + 1 }, (_, i) => first + i))
      assert.ok(first <= from - 999 && first > from - 1000 - 2 * RATE, `it begins with ${first}, asked for when there were about ${from}`)
    })
  }
})

describeAsRoot('a replay of many rooms while the store is behind', function () {
  this.timeout(180_000)
  const t = useTeardown()
  const topics = ['a', 'b', 'c'].map(room => `rooms/${room}/messages`)

  for (const version of (['5', '311'] as const).slice(0, rounds(2, 1))) {
    it(`begins in the store, goes on in the journal and with what comes, of each room in order and once each (${version})`, async () => {
      const disk = await SmallDisk.mount(t, 160)
      // The journal is on another disk.
      const dataDir = join(disk.folder, 'data')
      mkdirSync(dataDir)
      symlinkSync(temporaryFolder(t), join(dataDir, 'journal'))
      const { ports } = await serveWithSecret(t, { dataDir })
      const lag = async (name: 'seconds' | 'bytes'): Promise<number> => Number(new RegExp(`^foyer_recorder_lag_${name} (.+)$`, 'm').exec(await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text())![1])
      const publisher = mqttConnect(`mqtt://127.0.0.1:${ports.mqtt}`, { username: 'x', password: token('ann'), reconnectPeriod: 0 })
      t.after(() => { publisher.end(true) })
      await new Promise(resolve => publisher.once('connect', resolve))
      const stream = new Stream(t, number => publisher.publish(topics[number % 3]!, String(number), { qos: (Math.floor(number / 3) % 3) as 0 | 1 | 2 }))
      await until(async () => stream.count > 10_000 && await lag('seconds') < 5, 'that something is stored', 30_000)
      disk.fill()
      await until(async () => await lag('seconds') >= 10, 'that the store is behind', 40_000)
      const shell = await mosquittoSub(t, ['$replay/10m/rooms/+/messages'], { port: ports.mqtt, token: token('bob', { '*': 'member' }), version, qos: 1 })
      const from = stream.count
      await until(() => stream.count > from + 10_000, 'that it goes on', 20_000)
      stream.stop()
      assert.ok(await lag('seconds') >= 10)
      for (const [i, topic] of topics.entries()) {
        const all = Array.from({ length: stream.count }, (_, n) => n + 1).filter(number => number % 3 === i)
        await until(() => printed(shell, topic).length >= all.length, `that all of ${topic} is printed`, 60_000)
        assert.deepEqual(printed(shell, topic), all)
      }
    })
  }
})
