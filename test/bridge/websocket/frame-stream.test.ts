import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { useGate } from '../../helpers/bridge-gate.ts'

const MiB = 1024 * 1024

describe('the stream of a WebSocket', () => {
  const open = useGate()

  it('joins and splits frames as the peer likes: bytes are all that counts', async () => {
    const { client, stream } = await (await open()).connect()
    const bytes = Buffer.from('packets do not care about frames')
    for (const byte of bytes) client.send(Buffer.of(byte))
    client.send(Buffer.alloc(0))
    client.send(bytes)
    client.send(bytes.subarray(0, 5), { fin: false })
    client.send(bytes.subarray(5, 6), { fin: false })
    client.send(bytes.subarray(6), { fin: true })
    const expected = Buffer.concat([bytes, bytes, bytes])
    let received = Buffer.alloc(0)
    for await (const chunk of stream) {
      received = Buffer.concat([received, chunk as Buffer])
      if (received.length >= expected.length) break
    }
    assert.deepEqual(received, expected)
  })

  it('sends one frame per write, and one for all that was written meanwhile', async () => {
    const { client, stream } = await (await open()).connect()
    const frames: string[] = []
    client.on('message', (data, isBinary) => {
      assert.ok(isBinary)
      frames.push(String(data))
    })
    stream.write('one')
    await sleep(30)
    stream.cork()
    for (const part of ['t', 'w', 'o']) stream.write(part)
    stream.uncork()
    await sleep(30)
    for (const part of ['1', '2', '3', '4']) stream.write(part)
    await sleep(30)
    assert.deepEqual(frames, ['one', 'two', '1', '234'])
  })

  it('closes with 1003 on a text frame, and hands none of it on [MQTT-6.0.0-1]', async () => {
    const { client, stream } = await (await open()).connect()
    const received: Buffer[] = []
    stream.on('data', (chunk: Buffer) => { received.push(chunk) })
    client.send('text')
    client.send(Buffer.from('after'))
    const [[code, reason]] = await Promise.all([once(client, 'close'), once(stream, 'close')])
    assert.equal(code, 1003)
    assert.match(String(reason), /binary/)
    assert.deepEqual(received, [])
  })

  it('closes with 1009 on a frame beyond the limit, fragmented or not, and ends with an error', async () => {
    const { connect } = await open({ packetBytes: 1000 })
    for (const fragments of [1, 10]) {
      const { client, stream } = await connect()
      const failed = once(stream, 'error')
      for (let i = 0; i < fragments; i++) client.send(Buffer.alloc(200_000 / fragments), { fin: i === fragments - 1 })
      const [[error], [code]] = await Promise.all([failed, once(client, 'close')])
      assert.match(String(error), /payload size/i)
      assert.equal(code, 1009)
    }
  })

  it('makes a peer wait that sends faster than anybody reads', async () => {
    const { client, stream } = await (await open({ packetBytes: 4 * MiB })).connect()
    const frame = Buffer.alloc(MiB / 2, 'x')
    for (let i = 0; i < 80; i++) client.send(frame)
    await sleep(400)
    assert.ok(stream.readableLength <= 2 * MiB, `${stream.readableLength} bytes buffered`)
    assert.ok(client.bufferedAmount > 20 * MiB, `${client.bufferedAmount} bytes still with the peer`)
    let received = 0
    for await (const chunk of stream) {
      received += (chunk as Buffer).length
      if (received === 40 * MiB) break
    }
    assert.equal(received, 40 * MiB)
  })

  it('counts what a slow peer has not taken, and drains when it reads again', async () => {
    const { client, stream } = await (await open()).connect()
    client.pause()
    const chunk = Buffer.alloc(MiB / 4, 'x')
    let written = 0
    while (written < 40 * MiB) {
      stream.write(chunk)
      written += chunk.length
      await new Promise(setImmediate)
    }
    await sleep(300)
    // The kernel takes some megabytes; all else is counted here.
    assert.ok(stream.writableNeedDrain)
    assert.ok(stream.writableLength > 25 * MiB, `${stream.writableLength} of ${written} counted`)
    assert.ok(stream.writableLength <= written)
    const drained = once(stream, 'drain').then(() => { assert.equal(stream.writableLength, 0) })
    const all = new Promise<void>((resolve) => {
      let received = 0
      client.on('message', (data: Buffer) => {
        received += data.length
        if (received === written) resolve()
      })
    })
    client.resume()
    await Promise.all([drained, all])
  })

  it('sends what was written before it closes with 1000', async () => {
    const { client, stream } = await (await open()).connect()
    stream.resume()
    const frames: string[] = []
    client.on('message', (data) => { frames.push(String(data)) })
    stream.write('a')
    stream.write('b')
    stream.end('c')
    const [code] = await once(client, 'close')
    assert.equal(code, 1000)
    assert.equal(frames.join(''), 'abc')
    if (!stream.closed) await once(stream, 'close')
  })

  it('ends although nobody reads it and the peer sends on', async () => {
    const { client, stream } = await (await open()).connect()
    for (let i = 0; i < 50; i++) client.send(Buffer.alloc(MiB / 4))
    await sleep(100)
    stream.end('bye')
    const [[code]] = await Promise.all([once(client, 'close'), once(stream, 'close')])
    assert.equal(code, 1000)
  })

  it('cuts a peer that never answers the close', async () => {
    const { client, stream } = await (await open()).connect()
    client.pause()
    const started = Date.now()
    stream.end('bye')
    await once(stream, 'close')
    assert.ok(Date.now() - started < 3000)
  })

  it('hands on what came before the peer closed, then ends', async () => {
    const { client, stream } = await (await open()).connect()
    client.send(Buffer.from('last words'))
    client.close()
    await once(client, 'close')
    await sleep(20)
    assert.equal(String(Buffer.concat(await stream.toArray())), 'last words')
    if (!stream.closed) await once(stream, 'close')
    assert.ok(stream.destroyed)
  })

  it('cuts the connection when it is destroyed, and notices when the peer is cut', async () => {
    const { connect } = await open()
    const one = await connect()
    one.stream.destroy()
    assert.equal((await once(one.client, 'close'))[0], 1006)
    const two = await connect()
    two.stream.resume()
    two.client.terminate()
    await once(two.stream, 'close')
  })

  it('fails writes after the peer is gone without ending the process', async () => {
    const { client, stream } = await (await open()).connect()
    client.terminate()
    await sleep(30)
    const failed = once(stream, 'error')
    stream.write('into the void')
    await failed
  })
})
