import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import type { IConnackPacket } from 'mqtt-packet'
import { token as signed } from '../helpers/auth-tokens.ts'
import { FaultyFiles } from '../helpers/faulty-files.ts'
import { newBroker, SECRET, type TestBroker } from '../helpers/foyer.ts'
import { MqttClient, type ConnectOptions } from '../helpers/mqtt-client.ts'
import { Restarts } from '../helpers/restart.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import type { FoyerError } from '../../protocol/errors.ts'

type Claims = Record<string, unknown>

function now (): number {
  return Math.floor(Date.now() / 1000)
}

function tokenOf (sub: string, claims: Claims = {}): string {
  return signed(SECRET, { sub, exp: now() + 3600, iat: now() - 10, rooms: { '*': 'owner' }, ...claims })
}

interface Goodbye { readonly reasonCode: number, readonly properties: { readonly reasonString: string } }

describe('what is done about users', () => {
  const t = useTeardown()

  async function open ({ port }: Pick<TestBroker, 'port'>, sub: string, claims: Claims = {}, options: Partial<ConnectOptions> = {}): Promise<{ client: MqttClient, connack: IConnackPacket }> {
    return await MqttClient.open(t, { port, username: 'x', password: Buffer.from(tokenOf(sub, claims)), clientId: `${sub}'s`, protocolVersion: 5, ...options })
  }

  async function goodbye (client: MqttClient): Promise<Goodbye> {
    return await client.take('disconnect') as unknown as Goodbye
  }

  it('revoking a user closes its connections and lets no earlier token in; a later one works', async () => {
    const foyer = await newBroker(t)
    const { broker } = foyer
    const { client: first } = await open(foyer, 'ann')
    const { client: second } = await open(foyer, 'ann', { iat: undefined }, { clientId: 'other' })
    const { client: bob } = await open(foyer, 'bob')
    await broker.users.revoke({ sub: 'ann', issuedUntil: now() })
    for (const client of [first, second]) {
      const { reasonCode, properties } = await goodbye(client)
      assert.equal(reasonCode, 0x87)
      assert.match(properties.reasonString, /^the tokens of "ann" that were issued until .* are revoked/)
      await client.closed
    }
    await bob.settled()
    const { connack } = await open(foyer, 'ann')
    assert.equal(connack.reasonCode, 0x87)
    assert.match(connack.properties!.reasonString!, /revoked/)
    assert.equal((await open(foyer, 'ann', {}, { protocolVersion: 4 })).connack.returnCode, 5)
    await assert.rejects(broker.authenticator.verify(tokenOf('ann')), ({ code }: FoyerError) => code === 'tokenRevoked')
    const { client: later } = await open(foyer, 'ann', { iat: now() + 1 }, { protocolVersion: 4 })
    await later.subscribe('$me/errors')
    const { code } = JSON.parse((await later.message()).payload.toString()) as { code: string }
    assert.equal(code, 'revoked')
  })

  it('revoking a token closes the connections that live by it, refreshed ones too, and no others', async () => {
    const foyer = await newBroker(t)
    const { client } = await open(foyer, 'ann', { jti: 'one' })
    const { client: other } = await open(foyer, 'ann', { jti: 'two' }, { clientId: 'other' })
    other.publish('$me/auth/refresh', tokenOf('ann', { jti: 'three' }), { qos: 1, messageId: 1 })
    await other.settled()
    await foyer.broker.users.revoke({ jti: 'two', exp: null })
    await other.settled()
    await client.settled()
    await foyer.broker.users.revoke({ jti: 'three', exp: null })
    assert.equal((await goodbye(other)).reasonCode, 0x87)
    client.publish('$me/auth/refresh', tokenOf('ann', { jti: 'three' }), { qos: 1, messageId: 1 })
    const puback = await client.take('puback') as unknown as Goodbye
    assert.equal(puback.reasonCode, 0x87)
    assert.match(puback.properties.reasonString, /"three" was revoked/)
    await client.settled()
  })

  it('revoking reaches who was let in and has no CONNACK yet', async () => {
    const files = new FaultyFiles()
    const foyer = await newBroker(t, {}, '', { files })
    let go!: () => void
    files.gate = new Promise(resolve => { go = resolve })
    const client = new MqttClient(t, foyer.port, 4)
    client.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: false, clientId: 'a', keepalive: 0, username: 'x', password: Buffer.from(tokenOf('ann')) })
    await until(() => foyer.broker.stats().sessions === 1, 'that it waits for the disk')
    const revoked = foyer.broker.users.revoke({ sub: 'ann', issuedUntil: now() })
    await client.closed
    files.gate = null
    go()
    await revoked
    assert.deepEqual(client.inbox, [])
  })

  it('who was let in and is revoked before its turn takes nothing over', async () => {
    const files = new FaultyFiles()
    const foyer = await newBroker(t, {}, '', { files })
    const { broker, log } = foyer
    let go!: () => void
    files.gate = new Promise(resolve => { go = resolve })
    const connect = (jti: string): MqttClient => {
      const client = new MqttClient(t, foyer.port, 4)
      client.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: false, clientId: 'a', keepalive: 0, username: 'x', password: Buffer.from(tokenOf('ann', { jti })) })
      return client
    }
    const first = connect('good')
    await until(() => broker.stats().sessions === 1, 'that it waits for the disk')
    const second = connect('bad')
    await until(() => broker.stats().connections === 2, 'that there are two')
    // Whoever comes later and does not wait for the disk: the second one was let in then.
    await (await open(foyer, 'bob')).client.settled()
    const revoked = broker.users.revoke({ jti: 'bad', exp: null })
    await second.closed
    files.gate = null
    go()
    await revoked
    await first.take('connack')
    await first.settled()
    assert.equal(log.filter(({ code }) => code === 'takenOver').length, 0)
  })

  it('a revocation is there after a kill as soon as it is answered, and after its file of the journal is gone', async () => {
    const broker = await Restarts.begin(t, {}, '', { fileBytes: 20_000 })
    await broker.foyer.broker.users.revoke({ sub: 'ann', issuedUntil: now() })
    await broker.foyer.broker.users.revoke({ jti: 'one', exp: now() + 3600 })
    const check = async (): Promise<void> => {
      assert.equal((await open(broker.foyer, 'ann')).connack.reasonCode, 0x87)
      assert.equal((await open(broker.foyer, 'bob', { jti: 'one' })).connack.reasonCode, 0x87)
      assert.equal((await open(broker.foyer, 'ann', { iat: now() + 1 })).connack.reasonCode, 0)
    }
    await broker.kill()
    await check()
    const oldest = (): string => readdirSync(join(broker.foyer.config.dataDir, 'journal')).filter(name => name.endsWith('.log')).sort()[0]!
    const first = oldest()
    await until(async () => {
      await broker.publish('rooms/lobby/messages', Array<string>(20).fill('x'.repeat(1000)))
      return oldest() !== first
    }, 'that the first file is gone', 15_000)
    await broker.kill()
    await check()
    // Now from a snapshot alone.
    await broker.foyer.broker.close()
    await broker.resume(broker.image())
    await check()
  })

  it('a revocation that the disk does not take holds, and is not called kept', async () => {
    const files = new FaultyFiles()
    const foyer = await newBroker(t, { 'admission.maxWait': '1s' }, '', { files })
    const { client } = await open(foyer, 'ann')
    files.failingSyncs = Infinity
    await assert.rejects(foyer.broker.users.revoke({ sub: 'ann', issuedUntil: now() }), ({ code }: FoyerError) => code === 'disk')
    assert.equal((await goodbye(client)).reasonCode, 0x87)
    files.failingSyncs = 0
  })

  it('passwords and strangers are not revoked', async () => {
    const foyer = await newBroker(t, { 'auth.anonymous': 'owner' })
    const client = await MqttClient.connect(t, { port: foyer.port })
    await foyer.broker.users.revoke({ sub: 'anonymous', issuedUntil: now() })
    await client.settled()
    assert.equal(foyer.broker.users.disconnect('anonymous'), 1)
    await client.closed
  })

  it('disconnecting closes all connections of a user with a reason, which those of 3.1.1 read when they return', async () => {
    const foyer = await newBroker(t)
    const { client: five } = await open(foyer, 'ann')
    const { client: four } = await open(foyer, 'ann', {}, { clientId: 'four', protocolVersion: 4, clean: false })
    const { client: bob } = await open(foyer, 'bob')
    const { client: watcher } = await open(foyer, 'cat')
    await watcher.subscribe('rooms/lobby/messages')
    await open(foyer, 'ann', {}, { clientId: 'willing', will: { topic: 'rooms/lobby/messages', payload: Buffer.from('gone'), qos: 1, retain: false } })
    assert.equal(foyer.broker.users.disconnect('ann'), 3)
    const { reasonCode, properties } = await goodbye(five)
    assert.equal(reasonCode, 0x98)
    assert.match(properties.reasonString, /administrator/)
    await four.closed
    await bob.settled()
    assert.match((await watcher.message()).payload.toString(), /gone/)
    const { client: again, connack } = await open(foyer, 'ann', {}, { clientId: 'four', protocolVersion: 4, clean: false })
    assert.equal(connack.sessionPresent, true)
    await again.subscribe('$me/errors')
    assert.equal((JSON.parse((await again.message()).payload.toString()) as { code: string }).code, 'ended')
    assert.equal(foyer.broker.users.disconnect('nobody'), 0)
  })

  it('purging ends sessions for good, connected or not, and publishes their wills', async () => {
    const broker = await Restarts.begin(t)
    const will = { topic: 'rooms/lobby/messages', payload: Buffer.from('gone'), qos: 1 as const, retain: false, properties: { willDelayInterval: 300 } }
    const away = await broker.connect('ann')
    await away.subscribe('rooms/lobby/state/#', 1)
    await away.end()
    const here = await broker.connect('ann', { clientId: 'here', protocolVersion: 5, will })
    const bob = await broker.connect('bob')
    await bob.subscribe('rooms/lobby/messages', 1)
    assert.equal(await broker.foyer.broker.users.purge('ann'), 2)
    assert.equal((await goodbye(here)).reasonCode, 0x98)
    assert.match((await bob.message()).payload.toString(), /gone/)
    await bob.end()
    await broker.kill()
    for (const clientId of ['ann', 'here']) assert.equal((await broker.open('ann', { clientId })).present, false)
    assert.equal((await broker.open('bob')).present, true)
    assert.equal(await broker.foyer.broker.users.purge('nobody'), 0)
  })

  it('those who are told so when the server ends or another takes over are told the code', async () => {
    const foyer = await newBroker(t)
    const { client } = await open(foyer, 'ann')
    const { client: other } = await open(foyer, 'ann')
    assert.equal((await goodbye(client)).reasonCode, 0x8e)
    await foyer.close()
    assert.equal((await goodbye(other)).reasonCode, 0x8b)
  })
})
