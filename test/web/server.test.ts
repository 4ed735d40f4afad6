import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { mintToken } from '../../broker/auth/mint.ts'
import { serveWithSecret, token } from '../helpers/cli-serve.ts'
import { temporaryFolder } from '../helpers/cli-run.ts'
import { SECRET } from '../helpers/foyer.ts'
import { newFullServer, type FullServer } from '../helpers/full-server.ts'
import { MqttClient, type ConnectOptions } from '../helpers/mqtt-client.ts'
import { mosquittoPub } from '../helpers/system-mosquitto.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'
import { assertFits, findBarriers, goTo, openUi, picture, type Ui, type UiOptions } from '../helpers/web-page.ts'
import { useWeb } from '../helpers/web-use.ts'

const admin = mintToken(SECRET, { sub: 'root', rooms: { lobby: 'owner' }, expiresIn: 3600, admin: true })

/** A row of the ledger as it is on the page. */
interface Row {
  readonly name: string
  readonly counts: Record<string, number>
  readonly parts: string[]
  readonly mark: string
}

async function ledgerOf (page: Page): Promise<Row[]> {
  return await page.evaluate(`[...document.querySelectorAll('.equation')].map(row => {
    const texts = (selector, inside = row) => [...inside.querySelectorAll(selector)].map(element => element.textContent.trim())
    return {
      name: texts('h3')[0],
      counts: Object.fromEntries([...row.querySelectorAll('.term')].map(term => [texts('.term-name', term)[0], Number(texts('.term-count', term)[0].replaceAll(',', ''))])),
      parts: texts('.term-part'),
      mark: texts('.equation-mark')[0]
    }
  })`)
}

/** The cells of a table by its name, a row each, as soon as they are as asked. */
async function rowsOf (page: Page, caption: string, are: (rows: string[][]) => boolean): Promise<string[][]> {
  let rows: string[][] = []
  await until(async () => {
    rows = await page.evaluate(`[...document.querySelectorAll('table')].filter(({ caption }) => caption.textContent === ${JSON.stringify(caption)}).flatMap(({ tBodies: [body] }) => [...body.rows].map(({ cells }) => [...cells].map(cell => cell.innerText.trim())))`)
    return are(rows)
  }, `the rows of ${caption}`)
  return rows
}

async function figure (page: Page, name: string): Promise<string> {
  return await page.locator('.figures div', { has: page.getByText(name, { exact: true }) }).locator('.figure').innerText()
}

describe('the page of operators', function () {
  this.timeout(60_000)
  const t = useTeardown()
  /** The server is of those who do not care what others do to it. */
  const web = useWeb()

  async function show ({ httpUrl }: Pick<FullServer, 'httpUrl'>, more: Partial<UiOptions> = {}): Promise<Ui> {
    const ui = await openUi(t, web.browser, { origin: httpUrl, token: admin, at: '#/server', ...more })
    await ui.page.getByRole('heading', { level: 2, name: 'Ledger' }).waitFor()
    return ui
  }

  async function open ({ ports, token }: FullServer, name: string, more: Partial<ConnectOptions> = {}, rooms?: Record<string, string>): Promise<MqttClient> {
    return await MqttClient.connect(t, { port: ports.mqtt, clientId: `${name}'s`, username: 'x', password: Buffer.from(token(name, rooms)), ...more })
  }

  async function post ({ httpUrl }: FullServer, bearer: string, body: unknown): Promise<number> {
    const { status } = await fetch(`${httpUrl}/api/publish`, { method: 'POST', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return status
  }

  it('shows what comes and goes per second, as it does', async () => {
    const server = await newFullServer(t)
    const { page, complaints } = await show(server)
    const sub = await open(server, 'bob')
    await sub.subscribe('rooms/lobby/messages', 1)
    await until(async () => await figure(page, 'Messages in') === '0.0', 'a rate of nothing')
    let sent = 0
    await until(async () => {
      await mosquittoPub(t, 'rooms/lobby/messages', 'hello', { port: server.ports.mqtt, token: server.token('ann') })
      sent++
      return Number(await figure(page, 'Messages in')) > 0 && Number(await figure(page, 'Messages out')) > 0
    }, 'that the rates move', 20_000)
    await until(async () => (await ledgerOf(page))[0]!.counts.received === sent, 'all of them in the ledger')
    await until(async () => await figure(page, 'Messages in') === '0.0', 'that it is over')
    const chart = page.getByRole('img', { name: /^Messages per second, the last / })
    assert.match(await chart.getAttribute('aria-label') ?? '', /in: from 0\.0 to (?!0\.0)[\d.]+, now 0\.0; out: from 0\.0 to (?!0\.0)[\d.]+/)
    assert.equal(await chart.locator('canvas').count(), 1)
    assert.match(await figure(page, 'Journal wait'), /^[\d.]+ m?s$/)
    assert.deepEqual(complaints, [])
  })

  it('adds up, whatever was refused, and tells who was refused what, by MQTT and by HTTP', async () => {
    const server = await newFullServer(t)
    const { page } = await show(server)
    const bob = await open(server, 'bob')
    await bob.subscribe('rooms/lobby/#', 1)
    const ann = await open(server, 'ann', { protocolVersion: 5 })
    const eve = await open(server, 'eve', { protocolVersion: 5 }, { lobby: 'listener' })
    for (let id = 1; id <= 5; id++) ann.publish('rooms/lobby/state/x', `${id}`, { qos: 1, messageId: id })
    for (let i = 0; i < 3; i++) ann.publish('rooms/lobby/live/x', 'now')
    for (let id = 1; id <= 2; id++) eve.publish('rooms/lobby/messages', 'x', { qos: 1, messageId: id })
    ann.publish('nowhere', 'x')
    ann.publish('rooms/lobby/commands/d', 'x')
    await Promise.all([ann.settled(), eve.settled()])
    assert.equal(await post(server, server.token('zoe'), { topic: 'rooms/lobby/messages', payload: 'x'.repeat(70_000) }), 413)
    assert.equal(await post(server, server.token('zoe'), { topic: 'rooms/lobby/messages', payload: 'x' }), 200)
    await until(async () => {
      const [, , store] = await ledgerOf(page)
      return store!.counts.stored === 6 && store!.counts['on the way to it'] === 0
    }, 'that all of it is stored')
    const rows = await ledgerOf(page)
    assert.deepEqual(rows.map(({ name, counts, parts }) => ({ name, counts, parts })), [
      { name: 'Messages', counts: { received: 14, accepted: 9, refused: 5, 'not now': 0, 'on the way to the disk': 0 }, parts: ['policy 2', 'topic 1', 'size 1', 'belowQos 1'] },
      { name: 'Accepted', counts: { accepted: 9, 'in the journal': 6, 'not kept': 3 }, parts: [] },
      { name: 'Embedded store', counts: { 'in the journal': 6, stored: 6, 'on the way to it': 0, 'without history': 0 }, parts: [] },
      { name: 'Deliveries', counts: rows[3]!.counts, parts: [] }
    ])
    // Those of presence are among them.
    assert.ok(rows[3]!.counts.written! >= 9 && rows[3]!.counts.due === rows[3]!.counts.written)
    assert.deepEqual(rows.map(({ mark }) => mark), ['adds up', 'adds up', 'adds up', 'adds up'])

    const reasons = await rowsOf(page, 'Refusals and errors by reason, since the server was started', rows => rows.length === 4)
    assert.deepEqual(reasons.map(([code, mqtt, http]) => [code, mqtt, http]), [['policy', '2', '0'], ['topic', '1', '0'], ['size', '0', '1'], ['belowQos', '1', '0']])
    assert.match(reasons[0]![3]!, /^Your token does not grant this\. Ask for a token whose role in the room allows it/)
    const newest = await rowsOf(page, 'The newest refusals and errors', rows => rows.length === 4)
    assert.deepEqual(newest.find(([, code]) => code === 'size')!.slice(1), ['size', 'http publish', 'zoe', 'rooms/lobby/messages', '70000 bytes are more than the 65536 that channel messages takes.', '1'])
    assert.deepEqual(newest.find(([, code]) => code === 'policy')!.slice(1), ['policy', 'mqtt publish', 'eve', 'rooms/lobby/messages', 'You are listener in lobby (grant "lobby"); channel messages lets member and owner publish.', '2'])
    await page.getByRole('combobox', { name: 'Reason of those that are shown' }).selectOption('topic')
    await rowsOf(page, 'The newest refusals and errors', rows => rows.length === 1 && rows[0]![4] === 'nowhere')
  })

  it('names a subscriber that does not read, with what waits for it and for how long it has taken nothing, and who is away', async () => {
    const server = await newFullServer(t)
    const { page } = await show(server)
    const away = await open(server, 'away', { clean: false })
    await away.subscribe('rooms/lobby/state/x', 1)
    await away.end()
    const slow = await open(server, 'slow')
    await slow.subscribe('rooms/lobby/live/x')
    slow.socket.pause()
    const ann = await open(server, 'ann')
    ann.publish('rooms/lobby/state/x', 'x', { qos: 1, messageId: 1 })
    let rows: string[][] = []
    await until(async () => {
      for (let i = 0; i < 20; i++) ann.publish('rooms/lobby/live/x', Buffer.alloc(60_000))
      await ann.settled()
      rows = await rowsOf(page, 'Connected clients that the most messages wait for', () => true)
      return /^[\d.]+ m?s$/.test(rows[0]?.[3] ?? '')
    }, 'that it is named', 20_000)
    const [[name, queued, bytes]] = rows as [[string, string, string]]
    assert.deepEqual(name.split(/\s+/), ['slow', 'slow\'s'])
    assert.ok(Number(queued.replaceAll(',', '')) > 0)
    assert.match(bytes, /^[\d.]+ MB$/)
    const [absent] = await rowsOf(page, 'Absent clients that the most messages wait for', rows => rows.length === 1)
    assert.deepEqual([absent![0]!.split(/\s+/), absent![1]], [['away', 'away\'s'], '1'])
    assert.match(absent![2]!, /\d:\d\d/)
    // What waits, and what was left out meanwhile, is in the ledger.
    const { counts, parts, mark } = (await ledgerOf(page)).at(-1)!
    assert.ok(counts.queued! > 0 && mark === 'adds up', JSON.stringify({ counts, parts, mark }))
  })

  it('says how far a store is behind that is away, and what the log says of it', async () => {
    const server = await newFullServer(t, { 'influx.url': 'http://127.0.0.1:1' })
    const { page } = await show(server)
    const ann = await open(server, 'ann')
    for (let id = 1; id <= 3; id++) ann.publish('rooms/lobby/state/x', Buffer.alloc(1000, 'x'), { qos: 1, messageId: id })
    await ann.settled()
    const of = (rows: string[][], name: string): string[] => rows.find(([where]) => where === name)!
    // Where, up to when, bytes, for how long, files missed, state.
    const rows = await rowsOf(page, 'The journal, and how far each store is behind it', rows => rows.length === 3 && of(rows, 'InfluxDB')[5]!.startsWith('fails') && of(rows, 'Embedded store')[1] !== '–' && of(rows, 'Embedded store')[2] === '0 B')
    assert.match(of(rows, 'Embedded store').join(' | '), /^Embedded store \| [\d:]+ [AP]M \| 0 B \| – \| 0 \| keeps up$/)
    assert.match(of(rows, 'InfluxDB').join(' | '), /^InfluxDB \| – \| [\d.]+ kB \| [\d.]+ m?s \| 0 \| fails InfluxDB at http:\/\/127\.0\.0\.1:1 does not take or answer anything now .*\.$/)
    assert.equal(of(rows, 'Journal')[1], of(rows, 'Embedded store')[1])
    const influx = (await ledgerOf(page)).find(({ name }) => name === 'InfluxDB')!
    assert.deepEqual([influx.counts, influx.mark], [{ 'in the journal': 3, stored: 0, 'dead letters': 0, 'on the way to it': 3, 'without history': 0 }, 'adds up'])
    const log = await rowsOf(page, 'The newest errors in the log of the server', rows => rows.length > 0)
    assert.match(log.at(-1)![1]!, /messages stay in the journal until then/)
  })

  it('is for admins, who find it in the navigation; others read why not, and load nothing of it', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: web.server.token('ann') })
    const asked: string[] = []
    page.on('request', request => asked.push(request.url()))
    assert.deepEqual(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts(), ['Rooms', 'Explorer', 'Connect'])
    await goTo(page, '#/server')
    await page.getByText('This page is for admins, and your token is not one of an admin').waitFor()
    assert.match(await page.locator('.command code').innerText(), /^npx foyer token --sub ops --admin /)
    await picture(page, 'server-closed')
    assert.deepEqual(await findBarriers(page), [])
    assert.deepEqual(asked.filter(url => url.includes('server-page') || url.includes('/api/stats')), [])

    const other = await openUi(t, web.browser, { origin: web.server.httpUrl, token: admin })
    await other.page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Server' }).click()
    await other.page.getByRole('heading', { level: 2, name: 'Ledger' }).waitFor()
  })

  it('asks once a second, and not while nobody looks', async () => {
    const { page } = await openUi(t, web.browser, { origin: web.server.httpUrl, token: admin })
    let asked = 0
    let answered = 0
    page.on('request', request => { if (request.url().endsWith('/api/stats')) asked++ })
    page.on('requestfinished', request => { if (request.url().endsWith('/api/stats')) answered++ })
    await page.clock.install()
    await goTo(page, '#/server')
    await until(async () => {
      await page.clock.runFor(50)
      return await page.getByRole('heading', { level: 2, name: 'Ledger' }).count() === 1
    }, 'the page')
    await until(() => answered === asked, 'the first answer')
    const from = asked
    for (let i = 1; i <= 3; i++) {
      await page.clock.runFor(1000)
      await until(() => answered === from + i, `answer ${i}`)
    }
    const look = async (state: 'hidden' | 'visible'): Promise<void> => { await page.evaluate(`Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`) }
    await look('hidden')
    await page.clock.runFor(60_000)
    assert.equal(asked, from + 3)
    await look('visible')
    await until(() => answered === from + 4, 'an answer at once')
    await goTo(page, '#/connect')
    await page.getByRole('heading', { level: 1, name: 'Connect' }).waitFor()
    await page.clock.runFor(10_000)
    assert.equal(asked, from + 4)
    await goTo(page, '#/server')
    await page.clock.runFor(50)
    await until(() => answered === from + 5, 'an answer when it is shown again')
  })

  it('is text and nothing else, whatever was refused', async () => {
    const { page, complaints } = await show(web.server)
    const attack = '<img src=x onerror="window.hacked = 1">'
    const mallory = await open(web.server, attack, { protocolVersion: 5 })
    mallory.publish(`nowhere/${attack}`, 'x')
    await mallory.settled()
    const rows = await rowsOf(page, 'The newest refusals and errors', rows => rows.some(([, code]) => code === 'topic'))
    assert.deepEqual([rows[0]![3], rows[0]![4]], [attack, `nowhere/${attack}`])
    assert.equal(await page.evaluate('window.hacked === undefined && document.querySelector("main img, main script") === null'), true)
    assert.deepEqual(complaints, [])
  })

  it('has no barrier, fits, and does not move while its numbers change', async () => {
    const server = await newFullServer(t, { 'influx.url': 'http://127.0.0.1:1' })
    const long = 'a-name-with-no-place-to-break-'.repeat(4)
    const slow = await open(server, long)
    await slow.subscribe('rooms/lobby/live/x')
    slow.socket.pause()
    const eve = await open(server, 'eve', { protocolVersion: 5 }, { lobby: 'listener' })
    eve.publish('rooms/lobby/messages', 'x', { qos: 1, messageId: 1 })
    eve.publish(`nowhere/${long.repeat(8)}`, 'x')
    await eve.settled()
    const ann = await open(server, 'ann')
    for (const width of [1280, 390]) {
      const { page, complaints } = await show(server, { width })
      await rowsOf(page, 'The newest refusals and errors', rows => rows.length === 2)
      const places = async (): Promise<unknown> => await page.evaluate('[...document.querySelectorAll("main h1, main h2, main h3, .figures div, .term-count, .equation-mark")].map(element => { const { x, y } = element.getBoundingClientRect(); return [Math.round(x), Math.round(y + scrollY)] })')
      await until(async () => await figure(page, 'Messages in') === '0.0' && await figure(page, 'Loop delay') !== '–', 'that everything is known')
      const before = await places()
      await until(async () => {
        for (let i = 0; i < 10; i++) ann.publish('rooms/lobby/live/x', Buffer.alloc(60_000))
        await ann.settled()
        const { length } = await rowsOf(page, 'Connected clients that the most messages wait for', () => true)
        return length === 1 && Number((await figure(page, 'Messages in')).replace(',', '')) > 10
      }, 'that numbers change', 20_000)
      assert.deepEqual(await places(), before)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await picture(page, `server-${width}-${colorScheme}`)
        assert.deepEqual(await findBarriers(page), [], `${width} px, ${colorScheme}`)
        await assertFits(page, `${width} px`)
      }
      const [wide, seen] = await page.evaluate<[number, number]>('(bar => [bar.scrollWidth, bar.clientWidth])(document.querySelector(".bar-nav"))')
      assert.ok(wide <= seen, `the navigation is ${wide} px wide, ${seen} px of it are seen`)
      assert.deepEqual(complaints, [])
    }
  })

  it('says when the server does not answer, keeps what it knew, and goes on when it was started again', async () => {
    const dataDir = `${temporaryFolder(t)}/data`
    const first = await serveWithSecret(t, { dataDir })
    const flags = ['--mqtt-port', String(first.ports.mqtt), '--http-port', String(first.ports.http)]
    const { page } = await show({ httpUrl: `http://127.0.0.1:${first.ports.http}` })
    const publish = async (): Promise<unknown> => await mosquittoPub(t, 'rooms/lobby/messages', 'hello', { port: first.ports.mqtt, token: token('ann') })
    for (let i = 0; i < 3; i++) await publish()
    await until(async () => (await ledgerOf(page))[0]!.counts.received === 3, 'three messages')

    await first.process.stop('SIGKILL')
    const now = page.locator('main').getByRole('status')
    await now.getByText('No news: the server did not answer.').waitFor()
    await picture(page, 'server-away')
    assert.equal((await ledgerOf(page))[0]!.counts.received, 3)

    await serveWithSecret(t, { dataDir, flags })
    await now.getByText(/^The server was started again, at [\d:]+ [AP]M\.$/).waitFor()
    await until(async () => (await ledgerOf(page))[0]!.counts.received === 0, 'that it counts anew')
    await publish()
    await until(async () => (await ledgerOf(page))[0]!.counts.received === 1, 'what comes now')
    await until(async () => (await ledgerOf(page)).every(({ mark }) => mark === 'adds up'), 'that all adds up')
  })
})
