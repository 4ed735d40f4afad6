import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import type { IPublishPacket } from 'mqtt-packet'
import { run, temporaryFolder } from '../helpers/cli-run.ts'
import { serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'
const PAYLOAD = 'x'.repeat(20_000)

// Mounting is for root alone.
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip

describeAsRoot('a disk that is full', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('means "not now": the server stays, goes on when there is room, and has what it acknowledged', async () => {
    const folder = temporaryFolder(t)
    assert.equal((await run(t, ['mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder])).code, 0)
    t.after(async () => await run(t, ['umount', '-l', folder]))
    const serve = async (): Promise<Served> => await serveWithSecret(t, { dataDir: join(folder, 'data'), flags: ['--admission-max-wait', '1s'] })
    const served = await serve()
    const connect = async ({ ports }: Served, clientId: string): Promise<MqttClient> => await MqttClient.connect(t, { port: ports.mqtt, protocolVersion: 5, clean: false, clientId, username: 'x', password: Buffer.from(token(clientId)), properties: { sessionExpiryInterval: 600 } })
    const bob = await connect(served, 'bob')
    await bob.subscribe(TOPIC, 1)
    await bob.end()
    const ann = await connect(served, 'ann')
    const acknowledged: number[] = []
    let next = 0
    /** Publishes one more; the reason code of its answer. */
    const publish = async (): Promise<number> => {
      const number = next++
      ann.publish(TOPIC, `${number} ${PAYLOAD}`, { qos: 1, messageId: number + 1 })
      const { reasonCode = 0 } = await ann.take('puback', 10_000) as { reasonCode?: number } & IPublishPacket
      if (reasonCode === 0) acknowledged.push(number)
      return reasonCode
    }
    for (let i = 0; i < 20; i++) assert.equal(await publish(), 0)
    // All that is left.
    const ballast = join(folder, 'ballast')
    for (let size = 24 * 2 ** 20; size > 4096; size = Math.floor(size / 2)) {
      try {
        writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' })
      } catch {}
    }
    let code = 0
    for (let i = 0; i < 50 && code === 0; i++) code = await publish()
    assert.equal(code, 0x97)
    // It serves what needs no disk.
    const cat = await MqttClient.connect(t, { port: served.ports.mqtt, clientId: 'cat', username: 'x', password: Buffer.from(token('cat')) })
    await cat.subscribe('rooms/lobby/live/x')
    cat.publish('rooms/lobby/live/x', 'hello')
    assert.equal((await cat.message()).payload.toString(), 'hello')
    rmSync(ballast)
    let tries = 0
    await until(async () => { tries++; return await publish() === 0 }, 'that it goes on', 20_000)
    assert.ok(tries < 20)
    for (let i = 0; i < 5; i++) assert.equal(await publish(), 0)
    assert.equal(served.process.child.exitCode, null)
    await served.process.stop('SIGKILL')
    const after = await serve()
    const again = await connect(after, 'bob')
    const got: number[] = []
    while (got.at(-1) !== acknowledged.at(-1)) {
      const { payload, messageId } = await again.message(10_000)
      got.push(parseInt(payload.toString()))
      again.send({ cmd: 'puback', messageId: messageId! })
    }
    assert.deepEqual(got, acknowledged)
  })
})
