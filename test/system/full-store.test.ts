import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'mocha'
import { foyer, temporaryFolder } from '../helpers/cli-run.ts'
import { history, serveWithSecret, token } from '../helpers/cli-serve.ts'
import type { Answer } from '../helpers/limits.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { describeAsRoot, SmallDisk } from '../helpers/small-disk.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'
const PAYLOAD = randomBytes(30_000).toString('base64')

describeAsRoot('a store whose disk is full', function () {
  this.timeout(120_000)
  const t = useTeardown()

  it('holds up nobody until the journal is full as well, says how far behind it is, and has everything once when there is room', async () => {
    const disk = await SmallDisk.mount(t, 160)
    // The journal is on another disk.
    const dataDir = join(disk.folder, 'data')
    mkdirSync(dataDir)
    symlinkSync(temporaryFolder(t), join(dataDir, 'journal'))
    const served = await serveWithSecret(t, { dataDir, flags: ['--admission-max-wait', '1s', '--journal-max-bytes', '64MiB'] })
    const { ports } = served
    const ann = await MqttClient.connect(t, { port: ports.mqtt, protocolVersion: 5, username: 'x', password: Buffer.from(token('ann')) })
    let acknowledged = 0
    /** Publishes one more; the answer. */
    const publish = async (): Promise<Answer> => {
      ann.publish(TOPIC, `${acknowledged} ${PAYLOAD}`, { qos: 1, messageId: 1 })
      const answer = await ann.take('puback', 10_000) as Answer
      if ((answer.reasonCode ?? 0) === 0) acknowledged++
      return answer
    }
    const newest = async (): Promise<number> => {
      const [message] = await history(ports.http, token('ann'), 'lobby', '?limit=1')
      return message === undefined ? -1 : parseInt(String(message.payload))
    }
    const lag = async (): Promise<number> => Number(/^foyer_recorder_lag_bytes (.+)$/m.exec(await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text())![1])
    for (let i = 0; i < 20; i++) assert.equal((await publish()).reasonCode ?? 0, 0)
    await until(async () => await newest() === 19, 'that they are history')
    disk.fill()
    // Half of the journal is the share of one user.
    let last: Answer
    do last = await publish(); while ((last.reasonCode ?? 0) === 0)
    assert.equal(last.reasonCode, 0x97)
    assert.match(last.properties!.reasonString!, /of ann, as many as 50 % \(journal\.userShare\) of journal\.maxBytes allow/)
    assert.ok(acknowledged * PAYLOAD.length > 30 * 2 ** 20, `${acknowledged} were acknowledged`)
    const line = served.log().find(({ msg }) => /could not be stored; they stay in the journal and are tried again/.test(String(msg)))
    assert.ok(line !== undefined && (line.behind as { bytes: number }).bytes > 0)
    assert.ok(await lag() > 25 * 2 ** 20, `${await lag()} bytes`)
    // History comes from the journal then, and from the store what that has; figures are the store's alone.
    const seenMeanwhile = (await history(ports.http, token('ann'), 'lobby', '?limit=1000&after=A-----------')).map(({ payload }) => parseInt(String(payload)))
    assert.equal(await newest(), acknowledged - 1)
    assert.ok(seenMeanwhile.length > 100, `${seenMeanwhile.length} are on the first page`)
    assert.deepEqual(seenMeanwhile.reverse(), Array.from(seenMeanwhile, (_, i) => i))
    const refused = await fetch(`http://127.0.0.1:${ports.http}/api/rooms/lobby/series`, { headers: { authorization: `Bearer ${token('ann')}` } })
    assert.deepEqual([refused.status, (await refused.json() as { detail: string }).detail], [503, 'the store does not keep up, so a series would be incomplete now'])
    disk.free()
    await until(async () => await newest() === acknowledged - 1, 'that everything is history', 60_000)
    // What is stored is removed from the journal, so there is room again.
    await until(async () => ((await publish()).reasonCode ?? 0) === 0, 'that it goes on', 20_000)
    await until(async () => await newest() === acknowledged - 1 && await lag() === 0, 'that everything is history')
    await served.process.stop('SIGKILL')
    const { code, stdout, stderr } = await foyer(t, ['verify', '--data-dir', dataDir])
    assert.equal(code, 0, stdout + stderr)
    const seen = new Set<number>()
    const again = await serveWithSecret(t, { dataDir })
    for (let before = ''; ;) {
      const messages = await history(again.ports.http, token('ann'), 'lobby', `?limit=100${before}`)
      for (const { payload } of messages) {
        const number = parseInt(String(payload))
        assert.ok(!seen.has(number), `${number} is there twice`)
        seen.add(number)
      }
      if (messages.length === 0) break
      before = `&before=${messages.at(-1)!.id}`
    }
    assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: acknowledged }, (_, i) => i))
  })
})
