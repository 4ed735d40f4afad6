import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { StoredMessage } from '../../../../broker/message.ts'
import type { InfluxOptions } from '../../../../bridge/store/influx/connection.ts'
import { openInfluxStore, type InfluxStore } from '../../../../bridge/store/influx/influx-store.ts'
import { storeContract } from '../../../contracts/store.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createLog } from '../../../helpers/bridge-log.ts'
import { createMessages, readable, recordsOf } from '../../../helpers/bridge-messages.ts'
import { InfluxServer } from '../../../helpers/influx-server.ts'
import { useTeardown } from '../../../helpers/teardown.ts'
import { until } from '../../../helpers/within.ts'

const KEYS = { database: 'foyer', username: null, password: null, token: null }

describe('the InfluxDB store', function () {
  this.timeout(60_000)

  /** Of all tests that need no special one: a start takes seconds. */
  let server: InfluxServer
  const ends: (() => unknown)[] = []
  before(async () => { server = await InfluxServer.start({ after: work => { ends.push(work) } }) })
  after(async () => {
    for (const end of ends.reverse()) await end()
  })

  describe('keeps the contract of stores:', () => {
    const folder = useFolder()
    storeContract(() => {
      const dataDir = folder()
      return { open: () => openInfluxStore({ influx: { ...KEYS, url: server.url }, dataDir, logger: createLog().logger }) }
    })
  })

  const t = useTeardown()
  const folder = useFolder()
  let database: string
  let tests = 0
  beforeEach(() => { database = `foyer ${++tests}` })

  /** A store, closed at the end of the test, and what it logged. */
  async function open (keys: Partial<InfluxOptions> = {}) {
    const dataDir = folder()
    const { logger, lines } = createLog()
    const store = await openInfluxStore({ influx: { ...KEYS, database, url: server.url, ...keys }, dataDir, logger })
    t.after(() => store.close())
    const letters = (): { reason: string, line: string }[] => {
      const path = join(dataDir, 'influx-dead-letters.ndjson')
      return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').map(line => JSON.parse(line)) : []
    }
    return { store, lines, letters, append: (...messages: StoredMessage[]) => store.append(recordsOf(messages)) }
  }

  const stored = (store: InfluxStore): Promise<readonly StoredMessage[]> => store.range(0, 1000)

  it('writes what other programs can query', async () => {
    const make = createMessages()
    const { append } = await open()
    await append(
      make({ channel: 'telemetry', room: 'kitchen', topic: 'rooms/kitchen/telemetry/s1/temp, °C', sender: 's1 "the first"', qos: 0, payload: '21.5' }),
      make({ payload: '{"value":-3,"unit":"x"}' }),
      make({ payload: Uint8Array.of(0xff, 0) })
    )
    assert.deepEqual((await server.query('SELECT "channel","room","topic","node","sender","qos","payload","bytes","value","base64" FROM messages', database)).map(row => row.slice(1)), [
      ['telemetry', 'kitchen', 'rooms/kitchen/telemetry/s1/temp, °C', '0', 's1 "the first"', 0, '21.5', 4, 21.5, null],
      ['messages', 'lobby', 'rooms/lobby/messages', '0', 'ada', 1, '{"value":-3,"unit":"x"}', 23, -3, null],
      ['messages', 'lobby', 'rooms/lobby/messages', '0', 'ada', 1, '/wA=', 2, null, true]
    ])
    assert.equal((await server.query('SELECT last("qos") FROM messages', database))[0]![0], '2026-11-24T10:00:02Z')
  })

  it('keeps names and payloads that line protocol has trouble with', async () => {
    const { append, store, letters } = await open()
    const make = createMessages()
    const names = ['back\\', 'a\nb', ' ', ',=', '"', '%5C', '%', 'ä\u0085', '\u{1f321}', '\t', "'", 'x\r', '#', '//']
    const sent = [...names.map(name => make({ topic: name, channel: name, room: name, sender: name, payload: name })), make({ channel: '', sender: '', payload: '' }), make({ payload: 'a"\\' }), make({ payload: '\\"\n,x=1 1\n' }), make({ payload: '\ufeff\u0000' }), make({ payload: '\ufffd' }), ...['1e400', '-0', '1e-7', '123456789012345678901234567890', ' 5 ', '0x10', '1,value=2 3', 'NaN'].map(payload => make({ payload }))]
    await append(...sent)
    assert.deepEqual(readable(await stored(store)), readable(sent))
    assert.deepEqual(letters(), [])
    for (const name of names) assert.equal((await store.history({ room: name, filters: ['#'], exceptChannels: [], exceptTopics: [], after: 0, before: Number.MAX_SAFE_INTEGER, order: 'oldest', limit: 10 })).messages.length, 1, name)
    assert.deepEqual((await server.query('SELECT "value" FROM messages', database)).map(([, value]) => value), [0, 1e-7, 1.2345678901234568e29, 5])
  })

  it('opens without a server, says so in one sentence, and goes on when it is there', async () => {
    const server = await InfluxServer.prepare(t)
    const { store, append, lines } = await open({ url: server.url })
    assert.deepEqual(lines.map(({ msg }) => msg), [`InfluxDB at ${server.url} does not take or answer anything now (connect ECONNREFUSED 127.0.0.1:${server.port}): see whether it runs, and whether influx.url is right; messages stay in the journal until then`])
    const message = createMessages()()
    await assert.rejects(append(message), /ECONNREFUSED/)
    await assert.rejects(stored(store), /does not take or answer/)
    assert.match(store.fault()!, /ECONNREFUSED/)
    await server.start()
    await append(message)
    assert.equal(store.fault(), null)
    assert.deepEqual(readable(await stored(store)), readable([message]))
  })

  it('sees without being used that the server went away, and came back', async () => {
    const server = await InfluxServer.start(t)
    const { store } = await open({ url: server.url })
    assert.equal(store.fault(), null)
    await server.stop('SIGKILL')
    await until(() => store.fault() !== null, 'that its absence is seen', 20_000)
    assert.match(store.fault()!, /ECONNREFUSED/)
    await server.start()
    await until(() => store.fault() === null, 'that its return is seen', 20_000)
  })

  it('says whose password is wrong, which rights are missing, and which database', async () => {
    const admin = { name: 'root', password: 'the right one' }
    const server = await InfluxServer.start(t, { admin })
    const message = createMessages()()
    const { url } = server
    database = 'foyer'
    for (const keys of [{}, { username: 'root', password: 'wrong' }]) {
      const { append, lines } = await open({ url, ...keys })
      await assert.rejects(append(message), /does not know who Foyer is \(401 .*\): correct influx\.username and influx\.password, or influx\.token/)
      assert.match(lines[0]!.msg, /does not know who Foyer is/)
    }
    await server.query("CREATE USER bob WITH PASSWORD 'b'", '')
    const bob = { username: 'bob', password: 'b' }
    const { append } = await open({ url, ...bob })
    await assert.rejects(append(message), /has no database foyer that Foyer may use, and Foyer may not make one \(.*\): create it and grant its user all rights on it \(influx\.username\), or correct influx\.database/)
    await server.query('CREATE DATABASE foyer', '')
    await server.query('GRANT ALL ON foyer TO bob', '')
    await append(message)
    await server.query('REVOKE ALL ON foyer FROM bob', '')
    await assert.rejects(append(message), /does not let Foyer do that \(403 .*\): grant its user all rights on the database foyer/)
    await server.query('GRANT ALL ON foyer TO bob', '')
    await server.query('DROP DATABASE foyer', '')
    await assert.rejects(append(message), /has no database foyer \(.*\): create it there, or correct influx\.database and influx\.url/)
    await server.query('CREATE DATABASE foyer', '')
    await server.query('GRANT ALL ON foyer TO bob', '')
    await append(message)
    const right = await open({ url, username: admin.name, password: admin.password, database: 'made "here"' })
    await right.append(message)
    assert.deepEqual(readable(await stored(right.store)), readable([message]))
  })

  it('keeps every message when another program took the field `value` for something else', async () => {
    await server.query(`CREATE DATABASE "${database}"`)
    const make = createMessages()
    const sent = [make({ payload: '1' }), make({ payload: 'text' }), make({ payload: '{"value":2}' }), make({ payload: ',value=3 4' })]
    await server.write(`messages,topic=x value="text" ${sent[0]!.time}000`, database)
    const { append, store, lines, letters } = await open()
    await append(...sent)
    assert.deepEqual(readable(await stored(store)), readable(sent))
    assert.deepEqual(letters(), [])
    assert.match(lines.find(({ level }) => level === 50)!.msg, /field value .* from another program: messages are stored without it/)
  })

  it('waits when another program took a field that it can not do without', async () => {
    await server.query(`CREATE DATABASE "${database}"`)
    const message = createMessages()()
    await server.write(`messages,topic=x payload=1 ${message.time}000`, database)
    const { append, letters } = await open()
    await assert.rejects(append(message), /has the field payload .* with another type than Foyer writes, from another program .*: give Foyer a database of its own/)
    assert.deepEqual(letters(), [])
  })

  it('finds what InfluxDB refuses for good among many, keeps it as dead letters, and goes on', async () => {
    const server = await InfluxServer.start(t, { maxBody: 200_000 })
    const { append, store, lines, letters } = await open({ url: server.url })
    const make = createMessages()
    // A key of a series has 65535 bytes at most.
    const long = make({ topic: 'x'.repeat(65_535), payload: 'a topic' })
    const large = make({ topic: 'large', payload: 'y'.repeat(200_000) })
    const sent = Array.from({ length: 1500 }, (_, i) => i === 700 ? long : i === 1200 ? large : make({ payload: `${i} ${'z'.repeat(300)}` }))
    await append(...sent.slice(0, 1000).sort((a, b) => a.time - b.time))
    await append(...sent.slice(1000).sort((a, b) => a.time - b.time))
    const good = sent.filter(message => message !== long && message !== large).sort((a, b) => a.time - b.time)
    const seen: StoredMessage[] = []
    for (let page = await store.range(0, 1000); page.length > 0; page = await store.range(seen.at(-1)!.time, 1000)) seen.push(...page)
    assert.deepEqual(readable(seen), readable(good))
    assert.deepEqual(letters().map(({ reason, line }) => [/max key length exceeded|Request Entity Too Large/.exec(reason)?.[0], line.slice(-60).split(' ').at(-1)]), [['max key length exceeded', `${long.time}000`], ['Request Entity Too Large', `${large.time}000`]])
    assert.equal(store.deadLetters, 2)
    assert.equal(lines.filter(({ msg }) => /refuses messages for good/.test(msg)).length, 1)
  })

  it('does not keep what the retention policy of the server has no room for', async () => {
    await server.query(`CREATE DATABASE "${database}" WITH DURATION 1h`)
    const { append, store, letters } = await open()
    const old = createMessages(Date.now() * 1000 - 7_200_000_000)()
    const fresh = createMessages(Date.now() * 1000)()
    await append(old, fresh)
    assert.deepEqual(readable(await stored(store)), readable([fresh]))
    assert.deepEqual(letters(), [])
  })

  it('has a dead letter of what is refused for another reason, also where InfluxDB only says that others are too old', async () => {
    await server.query(`CREATE DATABASE "${database}" WITH DURATION 1h`)
    const { append, store, letters } = await open()
    const makeOld = createMessages(Date.now() * 1000 - 7_200_000_000)
    const makeFresh = createMessages(Date.now() * 1000)
    const long = (make: typeof makeOld) => make({ topic: 'y'.repeat(65_535) })
    const fresh = [makeFresh({ later: 1 }), makeFresh({ later: 1 })]
    const lost = long(makeFresh)
    await append(makeOld(), long(makeOld), makeOld(), ...fresh, lost)
    assert.deepEqual(readable(await stored(store)), readable(fresh))
    assert.deepEqual(letters().map(({ reason, line }) => [/max key length exceeded/.exec(reason)?.[0], line.split(' ').at(-1)]).at(-1), ['max key length exceeded', `${lost.time}000`])
  })

  it('gives up a request that gets no end of an answer', async () => {
    // Says that 100 bytes come, and sends two.
    const server = createServer(socket => {
      socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}'))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const { lines } = await open({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
    assert.match(lines[0]!.msg, /does not take or answer anything now \(no answer within 5 s\)/)
  })
})
