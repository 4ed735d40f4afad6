import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import WebSocket from 'ws'
import { useGate } from '../../helpers/bridge-gate.ts'

describe('the WebSocket gate', () => {
  const open = useGate()

  it('accepts mqtt and mqttv3.1, and answers with the one it took', async () => {
    const { port } = await open()
    for (const [offered, taken] of [[['mqtt'], 'mqtt'], [['mqttv3.1'], 'mqttv3.1'], [['mqttv3.1', 'x', 'mqtt'], 'mqtt']] as const) {
      const client = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, [...offered])
      await once(client, 'open')
      assert.equal(client.protocol, taken)
      assert.equal(client.extensions, '', 'no compression')
      client.terminate()
    }
  })

  it('refuses other subprotocols, and none, by a sentence that names both', async () => {
    const { refused, noted } = await open()
    for (const offered of [[], ['MQTT'], ['amqp', 'wamp']]) {
      const { status, type, body } = await refused('/mqtt', offered)
      assert.equal(status, 400)
      assert.match(type, /^application\/problem\+json/)
      assert.equal(body.code, 'badRequest')
      assert.equal(body.status, 400)
      assert.match(String(body.detail), /subprotocol must be mqtt or mqttv3\.1/)
      assert.deepEqual(noted.at(-1), { from: 'http', what: 'connect', code: 'badRequest', user: null, client: null, address: '127.0.0.1', topic: null, request: 'GET /mqtt', message: body.detail, remedy: body.remedy })
    }
    assert.equal(noted.length, 3)
  })

  it('refuses other paths and says where MQTT is', async () => {
    const { refused, noted } = await open()
    for (const path of ['/', '/mqtt/', '/other?x=/mqtt', '//', '/%', '/mqttx']) {
      const { status, body } = await refused(path, ['mqtt'])
      assert.equal(status, 404)
      assert.match(String(body.detail), /is at \/mqtt/)
    }
    assert.deepEqual(noted, [], 'who looks for other things')
  })

  it('survives request lines that are no URL', async () => {
    const harness = await open()
    for (const target of ['//', 'http://[', '*', '/mqtt?echo=%']) {
      const socket = connect(harness.port, '127.0.0.1')
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
      await once(socket, 'data')
      socket.destroy()
    }
    await harness.connect()
  })

  it('tells the broker who connects, and what echo they want', async () => {
    const { connect } = await open()
    const plain = await connect()
    assert.equal(plain.peer.address, '127.0.0.1')
    assert.ok(plain.peer.port > 0)
    assert.equal(plain.peer.transport, 'ws')
    assert.ok(!('echo' in plain.peer))
    assert.equal((await connect('/mqtt?echo=1')).peer.echo, true)
    assert.equal((await connect('/mqtt?x=2&echo=0')).peer.echo, false)
    assert.equal((await connect('/mqtt?echo=yes')).peer.echo, undefined)
  })

  describe('without configured origins', () => {
    const cases: readonly [string, string | undefined, boolean][] = [
      ['no origin', undefined, true],
      ['its own host', 'http://foyer.example:8080', true],
      ['its own host over TLS', 'https://foyer.example:8080', true],
      ['its own host, other port', 'http://foyer.example:9090', false],
      ['localhost', 'http://localhost:5173', true],
      ['a name under localhost', 'http://app.localhost', true],
      ['127.0.0.1', 'http://127.0.0.1:3000', true],
      ['[::1]', 'http://[::1]:3000', true],
      ['a foreign page', 'https://evil.example', false],
      ['a name that begins like loopback', 'http://127.0.0.1.evil.example', false],
      ['a name that begins like localhost', 'http://localhost.evil.example', false],
      ['null', 'null', false],
      ['an extension', 'chrome-extension://localhost', false],
      ['nonsense', 'http://[', false]
    ]
    for (const [name, origin, allowed] of cases) {
      it(`${allowed ? 'accepts' : 'refuses'} ${name}`, async () => {
        const { connect, refused } = await open()
        const headers = { host: 'foyer.example:8080', ...origin !== undefined && { origin } }
        if (allowed) {
          await connect('/mqtt', headers)
          return
        }
        const { status, body } = await refused('/mqtt', ['mqtt'], headers)
        assert.equal(status, 403)
        assert.match(String(body.detail), /websocket\.origins/)
        assert.match(String(body.remedy), /websocket\.origins/)
      })
    }
  })

  it('accepts exactly the configured origins, and clients without any', async () => {
    const { connect, refused } = await open({ origins: ['https://app.example'] })
    await connect('/mqtt', { origin: 'https://app.example' })
    await connect()
    for (const origin of ['https://app.example:8443', 'http://app.example', 'https://app.example.evil', 'http://localhost']) {
      assert.equal((await refused('/mqtt', ['mqtt'], { origin })).status, 403)
    }
  })

  it('accepts every origin with *', async () => {
    const { connect } = await open({ origins: ['*'] })
    await connect('/mqtt', { origin: 'https://evil.example' })
    await connect('/mqtt', { origin: 'null' })
  })

  it('ends connections with 1001 when it closes, those that do not answer too, and takes no more', async () => {
    const { gate, connect, refused } = await open()
    const [one, deaf] = [await connect(), await connect()]
    deaf.client.pause()
    for (const { stream } of [one, deaf]) stream.resume()
    const closed = once(one.client, 'close')
    const closing = gate.close()
    assert.equal(gate.close(), closing)
    assert.equal((await refused('/mqtt', ['mqtt'])).status, 503)
    assert.equal((await closed)[0], 1001)
    await closing
    assert.ok(deaf.stream.destroyed)
  })
})
