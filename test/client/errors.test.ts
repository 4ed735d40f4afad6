import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { connect, FoyerClientError } from '../../client/index.ts'
import { codeOfReason } from '../../client/errors.ts'
import { errors } from '../../protocol/errors.ts'
import { arrived, newClient } from '../helpers/client.ts'
import { newFullServer } from '../helpers/full-server.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

describe('errors of the client', () => {
  const t = useTeardown()

  it('reject what was refused, with the code, the words of the server and a remedy', async () => {
    const server = await newFullServer(t, {}, 'channels: { messages: { maxBytes: 100 } }')
    const client = await newClient(t, { url: server.mqttUrl, token: server.token('ann', { lobby: 'member', kitchen: 'listener' }) })
    const room = await client.join('lobby')
    const refused = async (work: Promise<unknown>, expected: object): Promise<void> => {
      await assert.rejects(work, error => {
        assert.ok(error instanceof FoyerClientError)
        assert.ok(error.remedy.length > 10)
        return true
      })
      await assert.rejects(work, expected)
    }
    await refused(room.publish('commands/lamp', { on: true }, { qos: 2 }), { code: 'policy', kind: 'refused', retryable: false, topic: 'rooms/lobby/commands/lamp', message: /member in lobby/ })
    await refused(room.publish('nowhere', 'x'), { code: 'topic', kind: 'refused', topic: 'rooms/lobby/nowhere' })
    await refused(room.send('x'.repeat(200)), { code: 'size', kind: 'refused' })
    await refused(client.join('cellar'), { code: 'policy', topic: 'rooms/cellar/#' })
    await refused(room.command('lamp', { on: true }), { code: 'policy' })
    await refused((await client.join('kitchen')).send('x'), { code: 'policy', topic: 'rooms/kitchen/messages' })
    assert.ok((await room.send('still here')).id !== null)
  })

  it('tell codes apart that share a reason code', async () => {
    const server = await newFullServer(t)
    const client = await newClient(t, { url: server.mqttUrl, token: server.token('ann') })
    const room = await client.join('lobby')
    // Both are 0x83 on the wire.
    await assert.rejects(room.publish('commands/lamp', {}, { qos: 1 }), { code: 'belowQos' })
    await assert.rejects(room.send('x'.repeat(70_000)), { code: 'size' })
  })

  it('are events where a QoS 0 message was refused: of the room if it listens, else of the client', async () => {
    const server = await newFullServer(t)
    const client = await newClient(t, { url: server.mqttUrl, token: server.token('ann', { lobby: 'listener', kitchen: 'device' }) })
    const room = await client.join('lobby')
    const heard: string[] = []
    client.on('error', ({ code, topic }) => heard.push(`client ${code} ${topic}`))
    await room.publish('live/x', 'x', { qos: 0 })
    await arrived(heard, 1)
    room.on('error', ({ code, topic }) => heard.push(`room ${code} ${topic}`))
    await room.publish('live/y', 'x', { qos: 0 })
    await client.device('kitchen', 'other').telemetry('t', 1)
    await arrived(heard, 3)
    assert.deepEqual(heard, ['client policy rooms/lobby/live/x', 'room policy rooms/lobby/live/y', 'client policy rooms/kitchen/telemetry…'])
  })

  it('reject connect() where coming again is of no use', async () => {
    const server = await newFullServer(t)
    await assert.rejects(connect({ url: server.mqttUrl, token: 'nonsense' }), { kind: 'connect', message: /JWT/ })
    await assert.rejects(connect({ url: server.mqttUrl, token: server.token('ann').slice(0, -4) + 'AAAA' }), { code: 'tokenSignature', kind: 'connect', message: /signature/ })
    let asked = 0
    await assert.rejects(connect({ url: server.mqttUrl, getToken: () => { asked++; return 'nonsense' } }), { kind: 'connect' })
    assert.equal(asked, 3)
    await assert.rejects(connect({ url: 'mqtt://127.0.0.1:1', token: 'x', timeout: 300 }), { code: 'unreachable', retryable: true })
    await assert.rejects(connect({ url: server.mqttUrl, getToken: () => Promise.reject(new Error('no net')), timeout: 300 }), { code: 'credentialsMissing', message: /no net/ })
  })

  it('say what is wrong with what is asked for, without asking the server', async () => {
    await assert.rejects(connect({ url: 'http://127.0.0.1', token: 'x' }), { code: 'usage', message: /ws:\/\// })
    await assert.rejects(connect({ url: 'ws://127.0.0.1/mqtt' }), { code: 'usage', message: /token or getToken/ })
    await assert.rejects(connect({ url: 'ws://127.0.0.1/mqtt', token: 'x', sessionExpiry: -1 }), { code: 'usage', message: /sessionExpiry/ })
    const server = await newFullServer(t)
    const client = await newClient(t, { url: server.mqttUrl, token: server.token('ann') })
    await assert.rejects(client.join('no/room'), { code: 'usage', message: /room name/ })
    await assert.rejects(client.join('lobby', { filters: ['a#'] }), { code: 'filter' })
    const room = await client.join('lobby')
    await assert.rejects(room.publish('telemetry/+', 1), { code: 'usage' })
    assert.throws(() => client.device('lobby', ''), { code: 'usage' })
    await assert.rejects(room.presence().then(() => { throw new Error('there is an address') }), { code: 'usage', message: /httpUrl/ })
    assert.equal(client.state, 'connected')
  })

  it('end an attempt to connect that is not wanted any more', async () => {
    const ending = new AbortController()
    // Port 1 of this machine: nothing listens there, and it is tried again and again.
    const options = { url: 'mqtt://127.0.0.1:1', token: 'any', timeout: 600_000, signal: ending.signal }
    const connecting = connect(options)
    ending.abort()
    await assert.rejects(connecting, { code: 'closed' })
    await assert.rejects(connect(options), { code: 'closed' }, 'nor does one begin')
  })

  it('leave the counts of what was sent and what the server has taken', async () => {
    const server = await newFullServer(t)
    const client = await newClient(t, { url: server.mqttUrl, token: server.token('oven', { kitchen: 'device' }) })
    const oven = client.device('kitchen')
    assert.deepEqual([client.sent, client.acknowledged], [0, 0])
    await oven.telemetry('t', 1)
    await oven.telemetry('t', 2, { qos: 1 })
    await oven.state({ on: true })
    assert.deepEqual([client.sent, client.acknowledged], [3, 2])
    await assert.rejects(client.device('hall').telemetry('t', 3, { qos: 1 }), { code: 'policy' })
    assert.deepEqual([client.sent, client.acknowledged], [4, 2])
  })

  it('end it for good when another client takes its session', async () => {
    const server = await newFullServer(t)
    const options = { url: server.mqttUrl, token: server.token('ann'), clientId: 'tab' }
    const first = await newClient(t, options)
    const ends: unknown[] = []
    first.on('disconnect', ({ error, final }) => ends.push([error.code, final]))
    const room = await first.join('lobby')
    const second = await newClient(t, options)
    await arrived(ends, 1)
    assert.deepEqual(ends, [['takenOver', true]])
    assert.equal(first.state, 'closed')
    await assert.rejects(room.send('x'), { code: 'takenOver' })
    assert.equal(second.state, 'connected')
  })

  it('reject what waits when it is closed', async () => {
    const server = await newFullServer(t)
    const client = await newClient(t, { url: server.mqttUrl, token: server.token('ann') })
    const room = await client.join('lobby')
    const command = room.command('nobody', {})
    command.catch(() => {})
    await until(() => client.pending === 0, 'that the command is stored')
    await client.close()
    await client.close()
    await assert.rejects(command, { code: 'closed' })
    await assert.rejects(room.send('x'), { code: 'closed' })
    await assert.rejects(client.join('hall'), { code: 'closed' })
  })

  it('have a code of the right kind for every reason code of the table, and the very code where the words are its own', () => {
    for (const [code, { reasonCode, kind, sentence }] of errors) {
      if (kind === 'http') continue
      const carrier = kind === 'connect' ? 'connack' : kind === 'closed' ? 'disconnect' : 'answer'
      assert.equal(codeOfReason(reasonCode, carrier, sentence), code)
      assert.equal(errors.get(codeOfReason(reasonCode, carrier))!.kind === kind || carrier === 'answer', true, code)
    }
    assert.equal(codeOfReason(0xfe, 'answer'), 'internal')
  })
})
