import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { connect, FoyerClientError, type ConnectOptions } from '../../client/index.ts'
import { encodeCursor } from '../../protocol/cursor.ts'
import { token as signed } from '../helpers/auth-tokens.ts'
import { arrived, collect, newClient } from '../helpers/client.ts'
import { ScriptedBroker, type ScriptedConnection } from '../helpers/scripted-broker.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

describe('what a client says on the wire', () => {
  const t = useTeardown()

  async function open (options: Partial<ConnectOptions> = {}): Promise<{ broker: ScriptedBroker, options: ConnectOptions }> {
    const broker = await ScriptedBroker.open(t)
    const base = { url: `mqtt://127.0.0.1:${broker.port}`, ...options.getToken === undefined ? { token: 'x' } : {} }
    return { broker, options: { ...base, ...options } }
  }

  it('begins with its session, its token, and who tells it about errors', async () => {
    const { broker, options } = await open({ sessionExpiry: 77 })
    broker.script = (packet, connection) => {
      if (packet.cmd !== 'connect') return false
      connection.send({ cmd: 'connack', reasonCode: 0, sessionPresent: broker.connections.length > 1 })
      return true
    }
    const client = await newClient(t, options)
    const first = await broker.connection(1)
    await client.join('lobby')
    const [hello] = first.all('connect')
    assert.equal(hello!.protocolVersion, 5)
    assert.equal(hello!.clean, true)
    assert.equal(hello!.properties!.sessionExpiryInterval, 77)
    assert.deepEqual(first.all('subscribe').flatMap(({ subscriptions }) => subscriptions.map(({ topic, qos }) => `${topic} ${qos}`)), ['$me/# 0', 'rooms/lobby/# 1'])
    first.cut()
    const second = await broker.connection(2)
    await until(() => client.state === 'connected', 'that it is back')
    assert.equal(second.all('connect')[0]!.clean, false)
    assert.equal(second.all('connect')[0]!.clientId, hello!.clientId)
    // The session still has the room; what is told to the connection alone has to be asked for again.
    await until(() => second.all('subscribe').length > 0, 'that it subscribes')
    assert.deepEqual(second.all('subscribe').flatMap(({ subscriptions }) => subscriptions.map(({ topic }) => topic)), ['$me/#'])
  })

  it('does not clean a session that it was given the name of, and ends the others when it closes', async () => {
    for (const clientId of ['mine', undefined]) {
      const { broker, options } = await open(clientId === undefined ? {} : { clientId })
      const client = await connect(options)
      await client.close()
      const first = await broker.connection(1)
      await until(() => first.all('disconnect').length > 0, 'that it says good-bye')
      assert.equal(first.all('connect')[0]!.clean, clientId === undefined)
      assert.equal(first.all('disconnect')[0]!.properties?.sessionExpiryInterval, clientId === undefined ? 0 : undefined)
    }
  })

  for (const resumed of [true, false]) {
    it(`sends again what was not acknowledged, in order${resumed ? ', as repetitions' : ', as new where the session is lost'}`, async () => {
      const { broker, options } = await open()
      broker.script = (packet, connection, nth) => {
        if (packet.cmd === 'connect') connection.send({ cmd: 'connack', reasonCode: 0, sessionPresent: nth > 1 && resumed })
        return packet.cmd === 'connect' || (packet.cmd === 'publish' && nth === 1)
      }
      const room = await (await newClient(t, options)).join('lobby')
      const sending = [1, 2, 3].map(async n => await room.send({ n }))
      const first = await broker.connection(1)
      await until(() => first.all('publish').length === 3, 'that all left')
      first.cut()
      await Promise.all(sending)
      const said = (nth: number): unknown[] => broker.connections[nth - 1]!.all('publish').map(({ messageId, payload }) => [messageId, (JSON.parse(payload.toString()) as { n: number }).n])
      assert.deepEqual(said(2), said(1))
      assert.ok(first.all('publish').every(({ dup }) => !dup))
      assert.ok(broker.connections[1]!.all('publish').every(({ dup }) => dup === resumed))
      await Promise.all([room.send({ n: 4 }), room.send({ n: 5 })])
    })
  }

  it('does not wait for one acknowledgement before it sends the next again, nor gives an identifier away that is in use', async () => {
    const { broker, options } = await open()
    broker.script = (packet, connection, nth) => {
      // On the second connection all of them are awaited before one is answered.
      if (packet.cmd !== 'publish') return false
      const all = connection.all('publish')
      if (nth === 2 && all.length === 40) for (const { messageId } of all) connection.send({ cmd: 'puback', messageId: messageId!, reasonCode: 0 })
      return true
    }
    const client = await newClient(t, options)
    const sending = Array.from({ length: 40 }, async (_, n) => await (await client.join('lobby')).send({ n }))
    const first = await broker.connection(1)
    await until(() => first.all('publish').length === 40, 'that all left')
    first.cut()
    const hall = client.join('hall')
    await Promise.all([...sending, hall])
    const second = broker.connections[1]!
    const identifiers = [...second.all('subscribe'), ...second.all('publish')].map(({ messageId }) => messageId)
    assert.equal(new Set(identifiers).size, identifiers.length)
    assert.deepEqual(second.all('publish').map(({ messageId }) => messageId), first.all('publish').map(({ messageId }) => messageId))
  })

  it('takes a QoS 2 message for stored when PUBREC came, whatever became of the session', async () => {
    const { broker, options } = await open()
    broker.script = (packet, connection, nth) => {
      if (packet.cmd === 'publish' && packet.qos === 2) {
        connection.send({ cmd: 'pubrec', messageId: packet.messageId!, reasonCode: 0, properties: { userProperties: { id: 'A123456789ab' } } })
        return true
      }
      if (packet.cmd !== 'pubrel') return false
      if (nth === 1) connection.cut()
      else connection.send({ cmd: 'pubcomp', messageId: packet.messageId!, reasonCode: 0x92 })
      return true
    }
    const room = await (await newClient(t, options)).join('lobby')
    assert.deepEqual(await room.publish('commands/lamp', {}, { qos: 2 }), { id: 'A123456789ab' })
    assert.equal((await broker.connection(2)).all('publish').length, 0, 'the message itself is not sent again')
  })

  it('has no more in flight than the server takes, and nothing larger', async () => {
    const { broker, options } = await open()
    let most = 0
    let atOnce = 0
    const waiting: (() => void)[] = []
    broker.script = (packet, connection) => {
      if (packet.cmd === 'connect') {
        connection.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties: { receiveMaximum: 3, maximumPacketSize: 500 } })
        return true
      }
      if (packet.cmd !== 'publish') return false
      most = Math.max(most, ++atOnce)
      waiting.push(() => {
        atOnce--
        connection.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode: 0 })
      })
      // Whoever sends more does so before this.
      if (waiting.length === 1) setTimeout(() => { for (const acknowledge of waiting.splice(0)) acknowledge() }, 20)
      return true
    }
    const room = await (await newClient(t, options)).join('lobby')
    const tooLarge = assert.rejects(room.send('x'.repeat(600)), { code: 'size' })
    await Promise.all(Array.from({ length: 30 }, async (_, n) => await room.send({ n })))
    assert.equal(most, 3)
    await tooLarge
  })

  it('hands out what comes twice once, and acknowledges it twice', async () => {
    const { broker, options } = await open()
    const room = await (await newClient(t, options)).join('lobby')
    const heard = collect(room, 'message')
    const connection = await broker.connection(1)
    const publish = (messageId: number, id: string, dup: boolean): void => connection.send({ cmd: 'publish', topic: 'rooms/lobby/messages', payload: JSON.stringify({ id }), qos: 1, retain: false, messageId, dup })
    publish(1, 'A1', false)
    publish(1, 'A1', true)
    publish(2, 'A2', false)
    await arrived(heard, 2)
    await until(() => connection.all('puback').length === 3, 'that all are acknowledged')
    assert.deepEqual(heard.map(({ id }) => id), ['A1', 'A2'])
  })

  it('does a command once that its sender had to send twice, as it lost its session', async () => {
    const { broker, options } = await open()
    const done: unknown[] = []
    const device = (await newClient(t, options)).device('hall', 'lamp')
    await device.onCommand(({ id }) => { done.push(id) })
    const connection = await broker.connection(1)
    const command = (messageId: number, id: string, ref: string): void => connection.send({ cmd: 'publish', topic: 'rooms/hall/commands/lamp', payload: JSON.stringify({ id, ref, sender: 'ann' }), qos: 1, retain: false, messageId, dup: false })
    command(1, 'A1', 'q-abcdefghijklmnopqrst')
    command(2, 'A2', 'q-abcdefghijklmnopqrst')
    // Ids of other people's senders may mean nothing.
    command(3, 'A3', '1')
    command(4, 'A4', '1')
    command(4, 'A4', '1')
    await until(() => connection.all('publish').length === 3, 'that it answers')
    assert.deepEqual(done, ['A1', 'A3', 'A4'])
    assert.deepEqual(connection.all('publish').map(({ topic, payload }) => [topic, payload.toString()]), [
      ['rooms/hall/results/lamp', '{"ref":"q-abcdefghijklmnopqrst"}'], ['rooms/hall/results/lamp', '{"ref":"1"}'], ['rooms/hall/results/lamp', '{"ref":"1"}']
    ])
  })

  it('keeps what comes before anybody has joined, and hands it out in order', async () => {
    const { broker, options } = await open({ clientId: 'mine' })
    broker.script = (packet, connection) => {
      if (packet.cmd !== 'connect') return false
      connection.send({ cmd: 'connack', reasonCode: 0, sessionPresent: true })
      for (let i = 1; i <= 1003; i++) connection.send({ cmd: 'publish', topic: `rooms/${i % 2 === 0 ? 'lobby' : 'hall'}/messages`, payload: JSON.stringify({ id: `A${i}` }), qos: 1, retain: false, messageId: i, dup: false })
      return true
    }
    const client = await newClient(t, options)
    await until(() => client.dropped === 3, 'that the oldest are dropped')
    const lobby = collect(await client.join('lobby'), 'message')
    const hall = collect(await client.join('hall'), 'message')
    await arrived(lobby, 500)
    await arrived(hall, 500)
    assert.deepEqual(lobby.map(({ id }) => id), Array.from({ length: 500 }, (_, i) => `A${i * 2 + 4}`))
    assert.deepEqual(hall.map(({ id }) => id), Array.from({ length: 500 }, (_, i) => `A${i * 2 + 5}`))
  })

  it('keeps what comes while other filters of the room are not granted yet', async () => {
    const { broker, options } = await open()
    let answer = (): void => {}
    broker.script = (packet, connection) => {
      if (packet.cmd !== 'subscribe') return false
      const { topic } = packet.subscriptions[0]!
      const suback = (): void => connection.send({ cmd: 'suback', messageId: packet.messageId!, granted: [1] })
      if (topic === 'rooms/lobby/live/#') answer = suback
      else suback()
      if (topic === 'rooms/lobby/messages') connection.send({ cmd: 'publish', topic, payload: '{"id":"A1"}', qos: 1, retain: false, messageId: 1, dup: false })
      return true
    }
    const client = await newClient(t, options)
    const joining = client.join('lobby', { filters: ['messages', 'live/#'] })
    const connection = await broker.connection(1)
    await until(() => connection.all('puback').length === 1, 'that it has come')
    // Timers end in the order in which they began: that of the first grant has ended then.
    await new Promise(resolve => setTimeout(resolve, 0))
    answer()
    const heard = collect(await joining, 'message')
    await arrived(heard, 1)
    assert.deepEqual(heard.map(({ id }) => id), ['A1'])
  })

  it('tells a refusal of one message from that of another on the same topic', async () => {
    const { broker, options } = await open()
    broker.script = (packet, connection) => {
      if (packet.cmd !== 'publish') return false
      const { n } = JSON.parse(packet.payload.toString()) as { n: number }
      const report = (code: string): void => connection.send({ cmd: 'publish', topic: '$me/errors', payload: JSON.stringify({ code, message: `no ${n}`, topic: packet.topic, at: String(n) }), qos: 0, retain: false, dup: false })
      if (n === 0) report('schema')
      if (n === 1) report('size')
      if (packet.qos > 0) connection.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode: n === 1 ? 0x83 : 0 })
      return true
    }
    const room = await (await newClient(t, options)).join('lobby')
    const loose: string[] = []
    room.on('error', ({ code, message }) => loose.push(`${code} ${message}`))
    // In flight together: a QoS 0 message is refused between two acknowledged ones, one of which is refused, too.
    const outcomes = await Promise.allSettled([
      room.publish('messages', { n: 2 }), room.publish('messages', { n: 0 }, { qos: 0 }), room.publish('messages', { n: 1 }), room.publish('messages', { n: 3 })
    ])
    assert.deepEqual(outcomes.map(({ status }) => status), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    assert.match(String((outcomes[2] as PromiseRejectedResult).reason), /no 1/)
    await arrived(loose, 1)
    assert.deepEqual(loose, ['schema no 0'])
  })

  it('tells of a subscription that is refused after a reconnect: the room if it listens, else the client', async () => {
    const { broker, options } = await open()
    broker.script = (packet, connection, nth) => {
      if (packet.cmd !== 'subscribe' || nth === 1 || packet.subscriptions[0]!.topic === '$me/#') return false
      connection.send({ cmd: 'suback', messageId: packet.messageId!, granted: [0x87] })
      return true
    }
    const client = await newClient(t, options)
    const errors: string[] = []
    client.on('error', ({ code, topic }) => errors.push(`client ${code} ${topic}`))
    await client.join('hall')
    const lobby = await client.join('lobby')
    lobby.on('error', ({ code, topic }) => errors.push(`lobby ${code} ${topic}`))
    broker.connections[0]!.cut()
    await arrived(errors, 2)
    assert.deepEqual(errors, ['client policy rooms/hall/#', 'lobby policy rooms/lobby/#'])
  })

  it('goes on without what it missed where the server has no replay, and says so', async () => {
    const { broker, options } = await open({ sessionExpiry: 0 })
    broker.script = (packet, connection) => {
      if (packet.cmd !== 'subscribe' || !packet.subscriptions[0]!.topic.startsWith('$replay/')) return false
      connection.send({ cmd: 'suback', messageId: packet.messageId!, granted: [0x8f] })
      return true
    }
    const room = await (await newClient(t, options)).join('lobby')
    const heard = collect(room, 'message')
    const errors: string[] = []
    room.on('error', ({ code, message, topic }) => errors.push(`${code} ${topic} ${message}`))
    const say = (connection: ScriptedConnection, id: string): void => connection.send({ cmd: 'publish', topic: 'rooms/lobby/messages', payload: JSON.stringify({ id }), qos: 1, retain: false, messageId: 1, dup: false })
    say(broker.connections[0]!, 'A1')
    await arrived(heard, 1)
    broker.connections[0]!.cut()
    await arrived(errors, 1)
    assert.match(errors[0]!, /^gap rooms\/lobby\/# what came to lobby behind A1 is not complete: /)
    const second = await broker.connection(2)
    assert.deepEqual(second.all('subscribe').map(({ subscriptions }) => subscriptions[0]!.topic), ['$me/#', '$replay/after=A1/rooms/lobby/#', 'rooms/lobby/#'])
    say(second, 'A9')
    await arrived(heard, 2)
    await room.leave()
    assert.deepEqual(second.all('unsubscribe').flatMap(({ unsubscriptions }) => unsubscriptions), ['rooms/lobby/#'])
  })

  it('hands the past of one subscription to no other that is live, and goes on where each has been', async () => {
    const { broker, options } = await open({ sessionExpiry: 0 })
    const client = await newClient(t, options)
    const first = await broker.connection(1)
    const send = (connection: ScriptedConnection, topic: string, id: string, identifier?: number): void => connection.send({ cmd: 'publish', topic, payload: JSON.stringify({ id, sender: 'ann' }), qos: 0, retain: false, dup: false, ...identifier === undefined ? {} : { properties: { subscriptionIdentifier: identifier } } })
    const identifierOf = (connection: ScriptedConnection, prefix: string): number => connection.all('subscribe').find(({ subscriptions }) => subscriptions[0]!.topic.startsWith(prefix))!.properties!.subscriptionIdentifier as number
    const told = (connection: ScriptedConnection, filter: string, cursor: string, more: object = {}): void => connection.send({ cmd: 'publish', topic: '$me/replay', payload: JSON.stringify({ filter, cursor, ...more }), qos: 0, retain: false, dup: false })
    const done: string[] = []
    await client.device('hall', 'lamp').onCommand(({ id }) => { done.push(id) })
    const after = encodeCursor(1)
    const room = await client.join('hall', { after })
    const heard = collect(room, 'command')
    const topic = 'rooms/hall/commands/lamp'
    const replay = `$replay/after=${after}/rooms/hall/#`
    const [old, older, middle, recent] = [3, 2, 4, 5].map(n => encodeCursor(n)) as [string, string, string, string]
    // What is from before the lamp listened is for the room alone, what comes meanwhile for both.
    send(first, topic, older, identifierOf(first, replay))
    send(first, topic, recent)
    send(first, topic, old, identifierOf(first, replay))
    await arrived(heard, 3)
    await until(() => done.length === 1, 'that it is done')
    assert.deepEqual([heard.map(({ id, replayed }) => [id, replayed]), done], [[[older, true], [recent, false], [old, true]], [recent]])
    first.cut()
    const second = await broker.connection(2)
    await until(() => second.all('subscribe').length === 3, 'that it subscribes again')
    assert.deepEqual(second.all('subscribe').map(({ subscriptions }) => subscriptions[0]!.topic), ['$me/#', `$replay/after=${recent}/${topic}`, `$replay/after=${old}/rooms/hall/#`])
    // It was between what the room has and what the lamp has.
    send(second, topic, middle, identifierOf(second, `$replay/after=${old}/`))
    told(second, `$replay/after=${old}/rooms/hall/#`, encodeCursor(9), { replayed: 1, complete: true })
    told(second, `$replay/after=${recent}/${topic}`, encodeCursor(8), { replayed: 0, complete: true })
    // Of an earlier process.
    told(second, '$replay/1h/rooms/hall/#', encodeCursor(9))
    send(second, topic, encodeCursor(10), identifierOf(second, `$replay/after=${old}/`))
    await arrived(heard, 5)
    await until(() => done.length === 2, 'that the next is done')
    assert.deepEqual([heard.slice(3).map(({ id, replayed }) => [id, replayed]), done], [[[middle, true], [encodeCursor(10), false]], [recent, encodeCursor(10)]])
    await room.leave()
    assert.deepEqual(second.all('unsubscribe').flatMap(({ unsubscriptions }) => unsubscriptions).sort(), ['$replay/1h/rooms/hall/#', `$replay/after=${old}/rooms/hall/#`])
  })

  it('begins a replay anew that was interrupted, behind what came of it, as its end may be told before anybody listens', async () => {
    const { broker, options } = await open()
    broker.script = (packet, connection, nth) => {
      if (packet.cmd !== 'connect') return false
      connection.send({ cmd: 'connack', reasonCode: 0, sessionPresent: nth > 1 })
      return true
    }
    const [before, last] = [encodeCursor(1), encodeCursor(2)]
    const room = await (await newClient(t, options)).join('lobby', { after: before })
    const heard = collect(room, 'message')
    const [first] = broker.connections as [ScriptedConnection]
    const { subscriptionIdentifier } = first.all('subscribe')[1]!.properties!
    first.send({ cmd: 'publish', topic: 'rooms/lobby/messages', payload: JSON.stringify({ id: last }), qos: 1, messageId: 1, retain: false, dup: false, properties: { subscriptionIdentifier: subscriptionIdentifier! } })
    await arrived(heard, 1)
    first.cut()
    const second = await broker.connection(2)
    await until(() => second.all('subscribe').length === 2, 'that it subscribes')
    assert.deepEqual(second.received.flatMap(packet => packet.cmd === 'subscribe' ? packet.subscriptions.map(({ topic }) => topic) : packet.cmd === 'unsubscribe' ? packet.unsubscriptions.map(topic => `not ${topic}`) : []), [
      '$me/#', `not $replay/after=${before}/rooms/lobby/#`, `$replay/after=${last}/rooms/lobby/#`
    ])
  })

  it('tells once what the server tells each new connection again', async () => {
    const { broker, options } = await open()
    broker.script = (packet, connection) => {
      if (packet.cmd === 'subscribe') for (const at of ['1', '2']) connection.send({ cmd: 'publish', topic: '$me/errors', payload: JSON.stringify({ code: 'policy', message: 'no', topic: 'rooms/x/messages', at }), qos: 0, retain: false, dup: false })
      return false
    }
    const client = await newClient(t, options)
    const errors: string[] = []
    client.on('error', ({ code }) => errors.push(code))
    await arrived(errors, 2)
    broker.connections[0]!.cut()
    await broker.connection(2)
    await client.join('lobby')
    await client.device('lobby', 'x').state({})
    assert.deepEqual(errors, ['policy', 'policy'])
  })

  it('does not hold on to a renewal that the connection did not survive', async () => {
    const tokens: string[] = []
    const { broker, options } = await open({
      getToken: () => {
        tokens.push(signed('x', { sub: 'ann', iat: Date.now() / 1000, exp: Date.now() / 1000 + 2, n: tokens.length }))
        return tokens.at(-1)!
      }
    })
    broker.script = (packet, connection, nth) => {
      if (packet.cmd !== 'publish' || packet.topic !== '$me/auth/refresh') return false
      if (nth === 1) {
        connection.cut()
        return true
      }
      connection.send({ cmd: 'publish', topic: '$me/auth/refreshed', payload: '{"exp":null,"rooms":{}}', qos: 0, retain: false, dup: false })
      return false
    }
    const client = await newClient(t, options)
    const refreshed: unknown[] = []
    client.on('refreshed', event => refreshed.push(event))
    await arrived(refreshed, 1, 8_000)
    assert.deepEqual(refreshed[0], { exp: null, rooms: {} })
    const said = (nth: number): string[] => broker.connections[nth - 1]!.all('publish').map(({ payload }) => payload.toString())
    assert.equal(broker.connections[0]!.all('connect')[0]!.password!.toString(), tokens[0])
    assert.deepEqual(said(1), [tokens[1]])
    assert.equal(broker.connections[1]!.all('connect')[0]!.password!.toString(), tokens[2])
    assert.deepEqual(said(2), [tokens[3]])
  })

  it('answers at once to commands that are too many for a device that does not come to an end', async () => {
    const { broker, options } = await open()
    const device = (await newClient(t, options)).device('hall', 'lamp')
    await device.onCommand(() => new Promise(() => {}))
    const connection = await broker.connection(1)
    for (let i = 1; i <= 1001; i++) connection.send({ cmd: 'publish', topic: 'rooms/hall/commands/lamp', payload: JSON.stringify({ id: `A${i}`, sender: 'ann' }), qos: 1, retain: false, messageId: i, dup: false })
    await until(() => connection.all('publish').length === 1, 'that it answers')
    assert.equal(connection.all('publish')[0]!.payload.toString(), '{"error":{"message":"1000 commands wait already"},"ref":"A1001"}')
  })

  /** What a client does when a connection that was open ends with this code. */
  async function after (reasonCode: number, options: Partial<ConnectOptions>): Promise<string> {
    const { broker, options: full } = await open(options)
    const client = await newClient(t, full)
    const ends: string[] = []
    client.on('disconnect', ({ error, final }) => ends.push(`${error.code} ${final ? 'for good' : 'for now'}`))
    const first = await broker.connection(1)
    first.send({ cmd: 'disconnect', reasonCode })
    first.cut()
    await arrived(ends, 1)
    if (ends[0]!.endsWith('now')) await broker.connection(2)
    assert.equal(broker.connections.length, ends[0]!.endsWith('now') ? 2 : 1)
    return ends[0]!
  }

  it('comes back or stays away as the code of a DISCONNECT says', async () => {
    const fresh = { getToken: () => 'x' }
    assert.equal(await after(0x8e, fresh), 'takenOver for good')
    assert.equal(await after(0x87, {}), 'revoked for good')
    assert.equal(await after(0x87, fresh), 'revoked for now')
    assert.equal(await after(0xa0, {}), 'expired for good')
    assert.equal(await after(0xa0, fresh), 'expired for now')
    for (const [code, name] of [[0x8b, 'shuttingDown'], [0x98, 'ended'], [0x97, 'slow'], [0x8d, 'keepalive']] as const) assert.equal(await after(code, {}), `${name} for now`)
  })

  it('waits longer and longer while it is told to come later', async () => {
    const { broker, options } = await open({ timeout: 1500 })
    broker.script = (_packet, connection) => {
      connection.send({ cmd: 'connack', reasonCode: 0x9f, sessionPresent: false, properties: { reasonString: 'connection rate exceeded' } })
      return true
    }
    await assert.rejects(connect(options), error => error instanceof FoyerClientError && error.code === 'connectRate' && error.message === 'connection rate exceeded')
    assert.ok(broker.connections.length < 40, `${broker.connections.length} connections`)
  })
})
