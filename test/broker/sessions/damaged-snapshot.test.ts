import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { arrivals, Restarts, texts } from '../../helpers/restart.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const TOPIC = 'rooms/lobby/state/x'

function journalOf (dataDir: string, ...endings: string[]): string[] {
  const folder = join(dataDir, 'journal')
  return readdirSync(folder).filter(name => endings.some(ending => name.endsWith(ending))).map(name => join(folder, name)).sort()
}

/** Damages one byte in the middle; returns where. */
function spoil (path: string): number {
  const bytes = readFileSync(path)
  const at = bytes.length >>> 1
  bytes[at]! ^= 0xff
  writeFileSync(path, bytes)
  return at
}

/** What fills some of the small files. */
async function fill (broker: Restarts): Promise<void> {
  for (let i = 0; i < 3; i++) await broker.publish('rooms/lobby/messages', Array.from({ length: 30 }, () => JSON.stringify('x'.repeat(1000))))
}

describe('a damaged snapshot', () => {
  const t = useTeardown()

  /** What a kill left: a session with a waiting message, in a snapshot in place of the first files when they are `trimmed`. */
  async function left (trimmed: boolean, files: FaultyFiles = new FaultyFiles()): Promise<{ broker: Restarts, image: string }> {
    const broker = await Restarts.begin(t, {}, '', { files, fileBytes: trimmed ? 20_000 : 1_000_000 })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await fill(broker)
    await bob.end()
    const { dataDir } = broker.foyer.config
    if (trimmed) {
      const both = (folder: string): boolean => {
        const snapshots = journalOf(folder, '.state', '.copy')
        return snapshots.length === 2 && snapshots[0]!.slice(0, -5) === snapshots[1]!.slice(0, -6)
      }
      await until(() => both(dataDir) && !journalOf(dataDir, '.log')[0]!.endsWith('0000000001.log'), 'a snapshot in place of the first file')
      await broker.publish(TOPIC, ['waiting'])
      // Not in the moment in which the next snapshot takes its place.
      let image = ''
      await until(() => both(image = broker.image()), 'a moment with one snapshot')
      await broker.foyer.close()
      return { broker, image }
    }
    await broker.publish(TOPIC, ['waiting'])
    // An orderly end writes a snapshot; no file was complete, so all of them are there.
    const image = broker.image()
    await broker.resume(image)
    await broker.foyer.broker.close()
    return { broker, image }
  }

  async function bobHasAll (broker: Restarts): Promise<void> {
    const { client, present } = await broker.open('bob')
    assert.equal(present, true)
    assert.deepEqual(texts(await arrivals(client, 1)), ['waiting'])
    await broker.publish(TOPIC, ['live'])
    assert.deepEqual(texts(await arrivals(client, 1)), ['live'])
  }

  for (const ending of ['.state', '.copy']) {
    it(`costs nothing as long as one of the two is whole (${ending})`, async () => {
      const { broker, image } = await left(true)
      const [path] = journalOf(image, ending)
      spoil(path!)
      await broker.resume(image)
      await bobHasAll(broker)
      const line = broker.foyer.log.find(({ msg }) => /snapshot of the journal is damaged/.test(String(msg)))
      if (ending === '.copy') {
        assert.equal(line, undefined)
        return
      }
      assert.equal(line?.path, path)
      assert.ok(Number(line?.offset) > 0)
    })
  }

  it('costs nothing either when the disk does not give it back', async () => {
    const files = new FaultyFiles()
    const { broker, image } = await left(true, files)
    files.failingReads = 1
    await broker.resume(image)
    await bobHasAll(broker)
    const line = broker.foyer.log.find(({ msg }) => /snapshot of the journal is damaged/.test(String(msg)))
    assert.match(String(line?.reason), /EIO/)
  })

  it('is made up for by the journal as long as that is whole', async () => {
    const { broker, image } = await left(false)
    const snapshots = journalOf(image, '.state', '.copy')
    assert.equal(snapshots.length, 2)
    for (const path of snapshots) truncateSync(path, 40)
    await broker.resume(image)
    await bobHasAll(broker)
    // What is broken does not stay.
    await broker.foyer.broker.close()
    await broker.resume(image)
    assert.ok(!broker.foyer.log.some(({ level }) => Number(level) >= 50))
  })

  it('stops the start when what it held is nowhere else: file, place, loss and remedy are in one sentence', async () => {
    const { broker, image } = await left(true)
    const snapshots = journalOf(image, '.state', '.copy')
    snapshots.forEach(spoil)
    await assert.rejects(broker.resume(image), (error: Error) => {
      for (const path of snapshots) assert.ok(error.message.includes(`${path} is damaged at byte `), error.message)
      assert.match(error.message, /restore one of them from a backup, or move them away to go on without all sessions, retained messages, wills and revocations/)
      return true
    })
    // Refusing changes nothing: the same again, and with one of them restored all is well.
    await assert.rejects(broker.resume(image), /no snapshot of the journal can be used/)
    snapshots.forEach(path => renameSync(path, join(tmpdir(), `${process.pid}.gone`)))
    rmSync(join(tmpdir(), `${process.pid}.gone`))
    await broker.resume(image)
    assert.ok(broker.foyer.log.some(({ level, msg }) => Number(level) >= 50 && /all sessions, retained messages, wills and revocations that began before are lost/.test(String(msg))))
  })

  it('never leaves a session that has lost its subscriptions: its client is told that there is none', async () => {
    const broker = await Restarts.begin(t, {}, '', { fileBytes: 20_000 })
    const bob = await broker.connect('bob')
    await bob.subscribe(TOPIC, 1)
    await fill(broker)
    await until(() => !journalOf(broker.foyer.config.dataDir, '.log')[0]!.endsWith('0000000001.log'), 'that the first file is gone')
    // This is in the files that are left: the end of his connection, and all of another session.
    await bob.end()
    await (await broker.connect('cat')).end()
    await broker.foyer.broker.journal.flush()
    const image = broker.image()
    await broker.foyer.close()
    for (const path of journalOf(image, '.state', '.copy')) rmSync(path)
    await broker.resume(image)
    assert.equal((await broker.open('bob')).present, false)
    assert.equal((await broker.open('cat')).present, true)
  })

  it('is not confused by a journal that is shorter than it was then: what is written now is there after the next kill', async () => {
    for (const spoilJournal of [(path: string) => truncateSync(path, 200), (path: string) => rmSync(path)]) {
      const { broker, image } = await left(false)
      spoilJournal(journalOf(image, '.log').at(-1)!)
      await broker.resume(image)
      assert.ok(broker.foyer.log.some(({ level }) => Number(level) >= 50), 'nothing was said of it')
      const { client, present } = await broker.open('bob')
      assert.equal(present, true)
      await client.end()
      await (await broker.connect('cat')).end()
      await broker.publish(TOPIC, ['now'])
      await broker.kill()
      assert.equal((await broker.open('cat')).present, true)
      assert.deepEqual(texts(await arrivals(await broker.connect('bob'), 1)), ['now'])
      await broker.foyer.close()
    }
  })
})
