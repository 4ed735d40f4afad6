import assert from 'node:assert/strict'
import { readFileSync, writeFileSync, readdirSync, mkdirSync, copyFileSync, truncateSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'mocha'
import fc from 'fast-check'
import { readMessage, recordEnd, RecordType, recordType } from '../../../protocol/record.ts'
import type { Consumer } from '../../../broker/journal/consumer.ts'
import { diskFiles } from '../../../broker/journal/file-layer.ts'
import { FaultyFiles } from '../../helpers/faulty-files.ts'
import { append, journalFolder, openJournal } from '../../helpers/journal.ts'
import { steppedFiles } from '../../helpers/stepped-files.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const RUNS = process.env.FOYER_TEST_LONG === undefined ? 40 : 400

function logOf (directory: string): string {
  return join(directory, readdirSync(directory).filter(name => name.endsWith('.log')).sort().at(-1)!)
}

/** As a kill leaves it: the files as they are, without the closing of the journal. */
function copyOf (t: Teardown, directory: string): string {
  const copy = journalFolder(t)
  mkdirSync(copy, { recursive: true })
  for (const name of readdirSync(directory)) if (name !== 'lock') copyFileSync(join(directory, name), join(copy, name))
  return copy
}

async function readAll (consumer: Consumer, most = 64 * 1024): Promise<string[]> {
  const payloads: string[] = []
  for (let block = await consumer.read(most); block !== null; block = await consumer.read(most)) {
    for (let start = 0; start < block.bytes.length; start = recordEnd(block.bytes, start)) {
      if (recordType(block.bytes, start) === RecordType.message) payloads.push(Buffer.from(readMessage(block.bytes, start).payload).toString())
    }
  }
  return payloads
}

describe('the journal', () => {
  const t = useTeardown()

  it('gives back after a kill what was released', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t))
    const times = await Promise.all(Array.from({ length: 100 }, (_, i) => append(journal, `m${i}`)))
    const { found, report } = await openJournal(t, copyOf(t, directory))
    assert.deepEqual(found, times.map((_, i) => `m${i}`))
    assert.deepEqual(report, { tornBytes: 0, damages: [] })
  })

  it('gives back after an orderly end what was released, once', async () => {
    const first = await openJournal(t, journalFolder(t))
    await append(first.journal, 'a')
    await first.journal.close()
    const second = await openJournal(t, first.directory)
    assert.deepEqual(second.found, ['a'])
    await append(second.journal, 'b')
    await second.journal.close()
    assert.deepEqual((await openJournal(t, first.directory)).found, ['a', 'b'])
  })

  it('writes in one go what arrives in one turn, and what arrives meanwhile in the next', async () => {
    const files = new FaultyFiles()
    const { journal } = await openJournal(t, journalFolder(t), { files })
    await append(journal, 'first')
    const { syncs } = files
    await Promise.all(Array.from({ length: 1000 }, (_, i) => append(journal, `m${i}`)))
    assert.equal(files.syncs - syncs, 1)
  })

  it('syncs only for those who ask for it', async () => {
    const files = new FaultyFiles()
    const { journal } = await openJournal(t, journalFolder(t), { files })
    await append(journal, 'first')
    const { syncs } = files
    await append(journal, 'os', { durability: 'os' })
    assert.equal(files.syncs, syncs)
    await append(journal, 'disk')
    assert.equal(files.syncs, syncs + 1)
  })

  it('syncs what it wrote before without a sync as well', async () => {
    const calls: string[] = []
    const files = steppedFiles(call => { if (/^(write|sync)/.test(call)) calls.push(call) })
    const { journal } = await openJournal(t, journalFolder(t), { files })
    await append(journal, 'a')
    calls.length = 0
    for (const durability of ['disk', 'os', 'os', 'disk', 'disk'] as const) {
      await append(journal, durability, { durability })
      calls.push('|')
    }
    assert.equal(calls.join(' '), 'writeSynced | write | write | write sync | writeSynced |')
  })

  it('keeps positions rising when the clock goes back, also over a restart', async () => {
    let now = 1_800_000_000_000_000
    const options = { now: () => now }
    const first = await openJournal(t, journalFolder(t), options)
    const before = await append(first.journal, 'before')
    now -= 3_600_000_000
    const after = await append(first.journal, 'after')
    assert.ok(after > before)
    await first.journal.close()
    now -= 3_600_000_000
    const second = await openJournal(t, first.directory, options)
    assert.ok(await append(second.journal, 'later') > after)
    assert.deepEqual((await openJournal(t, copyOf(t, first.directory), options)).found, ['before', 'after', 'later'])
  })

  it('comes back from any cut with exactly the whole groups before it', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t))
    const ends: number[] = []
    for (let i = 0; i < 30; i++) {
      await Promise.all(Array.from({ length: 1 + i % 5 }, (_, k) => append(journal, `${i}.${k} ${'x'.repeat((i * 37 + k * 11) % 300)}`)))
      ends.push(statSync(logOf(directory)).size)
    }
    const size = ends.at(-1)!
    await fc.assert(fc.asyncProperty(fc.integer({ min: 64, max: size - 1 }), async cut => {
      const copy = copyOf(t, directory)
      truncateSync(logOf(copy), cut)
      const { found, report, journal: reopened } = await openJournal(t, copy)
      const whole = ends.filter(end => end <= cut).length
      assert.equal(new Set(found.map(text => text.split('.')[0])).size, whole)
      assert.equal(found.length, Array.from({ length: whole }, (_, i) => 1 + i % 5).reduce((a, b) => a + b, 0))
      assert.equal(report.tornBytes, cut - (ends[whole - 1] ?? 64))
      assert.deepEqual(report.damages, [])
      await append(reopened, 'goes on')
      await reopened.close()
      assert.equal((await openJournal(t, copy)).found.at(-1), 'goes on')
    }), { numRuns: RUNS })
  })

  it('reports a flipped bit in front of other groups with file and offset, loses that record alone or what it hid, and skips nothing silently', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t))
    const ends: number[] = []
    for (let i = 0; i < 30; i++) {
      await Promise.all(Array.from({ length: 5 }, (_, k) => append(journal, `${i}.${k}`)))
      ends.push(statSync(logOf(directory)).size)
    }
    const intact = readFileSync(logOf(directory))
    await fc.assert(fc.asyncProperty(fc.integer({ min: 64, max: ends[28]! - 1 }), fc.integer({ min: 0, max: 7 }), async (at, bit) => {
      const copy = copyOf(t, directory)
      const bytes = Buffer.from(intact)
      bytes[at]! ^= 1 << bit
      writeFileSync(logOf(copy), bytes)
      const { found, report, log } = await openJournal(t, copy)
      const hit = ends.findIndex(end => at < end)
      assert.equal(report.tornBytes, 0)
      assert.equal(report.damages.length, 1)
      const [damage] = report.damages
      assert.equal(damage!.path, logOf(copy))
      assert.ok(damage!.offset <= at && at < damage!.offset + damage!.bytes, `${at} in ${JSON.stringify(damage)}`)
      assert.ok(log.some(({ level, offset }) => level === 50 && offset === damage!.offset))
      // All other groups are whole, and of this one nothing comes that was not written.
      const others = found.filter(text => text.split('.')[0] !== String(hit))
      assert.equal(others.length, 29 * 5)
      assert.ok(found.every((text, i) => i === 0 || Number(found[i - 1]) <= Number(text)))
      await journal.flush()
    }), { numRuns: RUNS })
  })

  it('acknowledges nothing while syncs fail, and everything in order, once, when they work again', async () => {
    const files = new FaultyFiles()
    const { journal, directory } = await openJournal(t, journalFolder(t), { files })
    await append(journal, 'before')
    files.failingSyncs = Infinity
    const released: string[] = []
    const all = Array.from({ length: 20 }, async (_, i) => {
      await append(journal, `m${i}`)
      released.push(`m${i}`)
    })
    await until(() => journal.faults >= 3, 'three attempts')
    assert.deepEqual(released, [])
    assert.match(journal.fault ?? '', /EIO/)
    const late = append(journal, 'late')
    files.failingSyncs = 0
    await Promise.all([...all, late])
    assert.equal(journal.fault, null)
    const expected = ['before', ...Array.from({ length: 20 }, (_, i) => `m${i}`), 'late']
    assert.deepEqual(released, expected.slice(1, -1))
    assert.deepEqual((await openJournal(t, copyOf(t, directory))).found, expected)
    await journal.close()
    assert.deepEqual(await readAll((await openJournal(t, directory)).journal.consumer('c')), expected)
  })

  it('never syncs a descriptor again whose sync has failed', async () => {
    const files = new FaultyFiles()
    const { journal, directory } = await openJournal(t, journalFolder(t), { files })
    await append(journal, 'before')
    files.failingSyncs = 1
    await append(journal, 'after')
    assert.equal(readdirSync(directory).filter(name => name.endsWith('.log')).length, 2)
  })

  it('waits for room on a full disk, and takes back what is withdrawn meanwhile', async () => {
    const files = new FaultyFiles()
    const { journal, directory } = await openJournal(t, journalFolder(t), { files })
    await append(journal, 'before')
    files.room = 100
    let released = false
    const time = journal.next()
    const writer = journal.begin(RecordType.message, time)
    writer.field(12, Buffer.from('withdrawn'))
    const entry = { released: () => { released = true } }
    journal.end('disk', entry)
    const kept = append(journal, 'kept')
    await until(() => journal.faults >= 2, 'two attempts')
    await until(() => journal.withdraw(entry, time), 'taking back')
    files.room = Infinity
    await kept
    assert.equal(released, false)
    assert.deepEqual((await openJournal(t, copyOf(t, directory))).found, ['before', 'kept'])
  })

  it('does not take back what is just being written', async () => {
    const files = new FaultyFiles()
    const { journal } = await openJournal(t, journalFolder(t), { files })
    await append(journal, 'before')
    let open!: () => void
    files.gate = new Promise(resolve => { open = resolve })
    const before = files.syncs
    let released = false
    const entry = { released: () => { released = true } }
    const time = journal.next()
    journal.begin(RecordType.message, time)
    journal.end('disk', entry)
    await until(() => files.syncs > before, 'the sync')
    assert.equal(journal.withdraw(entry, time), false)
    open()
    await until(() => released, 'the release')
  })

  it('tells when it holds more than it should, and when there is room again', async () => {
    const files = new FaultyFiles()
    const { journal } = await openJournal(t, journalFolder(t), { files })
    files.failingSyncs = Infinity
    const all = Array.from({ length: 20 }, () => append(journal, Buffer.alloc(1024 * 1024)))
    assert.equal(journal.congested, true)
    const room = new Promise<void>(resolve => journal.whenRoom(resolve))
    files.failingSyncs = 0
    await room
    await Promise.all(all)
    assert.equal(journal.congested, false)
  })
})

describe('the files of the journal', () => {
  const t = useTeardown()
  const fileBytes = 20_000

  it('are read over their borders by a consumer that comes back to where it was', async () => {
    const first = await openJournal(t, journalFolder(t), { fileBytes })
    const consumer = first.journal.consumer('recorder')
    const expected: string[] = []
    for (let i = 0; i < 200; i++) {
      expected.push(`m${i} ${'x'.repeat(i * 7 % 900)}`)
      await append(first.journal, expected.at(-1)!)
    }
    const block = await consumer.read(30_000)
    consumer.commit(block!.lastTime)
    const done = (await readAll((await openJournal(t, copyOf(t, first.directory), { fileBytes })).journal.consumer('other'))).length
    assert.equal(done, 200)
    await first.journal.close()
    const second = await openJournal(t, first.directory, { fileBytes })
    const again = second.journal.consumer('recorder')
    assert.equal(again.position, consumer.position)
    const rest = await readAll(again)
    assert.deepEqual(rest.slice(-100), expected.slice(-100))
    assert.ok(rest.length < 200)
  })

  it('are all there when it has closed, with the indexes beside them', async () => {
    const files = new FaultyFiles()
    let open!: () => void
    const gate = new Promise<void>(resolve => { open = resolve })
    t.after(open)
    let renames = 0
    files.rename = async (from, to) => {
      if (to.endsWith('.index')) {
        renames++
        await gate
      }
      await diskFiles.rename(from, to)
    }
    const { journal, directory } = await openJournal(t, journalFolder(t), { files, fileBytes: 1000 })
    for (let i = 0; renames === 0; i++) await append(journal, `m${i}`.padEnd(200))
    let closed = false
    const closing = journal.close().then(() => { closed = true })
    await sleep(50)
    assert.equal(closed, false)
    open()
    await closing
    const names = readdirSync(directory)
    assert.ok(names.some(name => name.endsWith('.index')) && !names.some(name => name.endsWith('.new')), names.join(' '))
  })

  it('are removed when nobody needs them, and what they led to is in the snapshot', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t), { fileBytes })
    journal.onSnapshot(function * (writer) {
      writer.begin(RecordType.message, 1)
      writer.field(12, Buffer.from('the state'))
      writer.end()
      yield
    })
    const consumer = journal.consumer('recorder')
    for (let i = 0; i < 200; i++) await append(journal, 'x'.repeat(500))
    await until(() => readdirSync(directory).some(name => name.endsWith('.state')), 'the snapshot')
    assert.equal(journal.segments[0]!.sequence, 1)
    consumer.commit(journal.time)
    journal.trim()
    await until(() => journal.segments[0]!.sequence > 1, 'the removal')
    assert.ok(!readdirSync(directory).includes('journal-0000000001.log'))
    const { found, log } = await openJournal(t, copyOf(t, directory), { fileBytes })
    assert.equal(found[0], 'the state')
    assert.ok(!log.some(({ level }) => Number(level) >= 50))
  })

  it('are not kept for who reads them no more, after a restart either', async () => {
    const first = await openJournal(t, journalFolder(t), { fileBytes })
    first.journal.onSnapshot(function * () {})
    first.journal.consumer('recorder')
    first.journal.consumer('gone').commit(1)
    for (let i = 0; i < 200; i++) await append(first.journal, 'x'.repeat(500))
    await first.journal.close()
    const { journal } = await openJournal(t, first.directory, { fileBytes })
    journal.onSnapshot(function * () {})
    journal.consumer('recorder').commit(journal.time)
    journal.trim()
    journal.forget('gone')
    assert.equal(journal.segments[0]!.sequence, 1)
    journal.trim()
    await until(() => journal.segments[0]!.sequence > 1, 'the removal')
    await append(journal, 'y')
    await journal.close()
    const last = await openJournal(t, first.directory, { fileBytes })
    assert.equal(last.journal.consumer('gone').position, 0)
    assert.ok(last.journal.consumer('recorder').position > 0)
  })

  it('are removed under a load that never pauses, too', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t), { fileBytes: 20_000 })
    journal.onSnapshot(function * () {})
    let stopped = false
    // Each release brings the next message at once, so there is always a group to write.
    const appendOn = (): void => {
      const time = journal.next()
      const writer = journal.begin(RecordType.message, time)
      writer.text(1, 'topic')
      writer.field(12, Buffer.alloc(1000))
      journal.end('disk', { released: () => { if (!stopped) appendOn() } }, 'topic')
    }
    appendOn()
    await until(() => journal.groups > 200, 'two hundred groups')
    const left = readdirSync(directory).filter(name => name.endsWith('.log')).length
    stopped = true
    await journal.flush()
    assert.ok(left < 10, `${left} files are left`)
  })

  it('lead to a state that they all hold: a snapshot waits for what is still on its way to them', async () => {
    const files = new FaultyFiles()
    const directory = journalFolder(t)
    const { journal } = await openJournal(t, directory, { files, fileBytes: 5000 })
    let last: number | null = null
    let renamed = Infinity
    let open!: () => void
    const gate = new Promise<void>(resolve => { open = resolve })
    let held = false
    let syncs = Infinity
    files.write = async (fd, bytes, start, end, position) => {
      if (end - start > 3500) {
        held = true
        await gate
      }
      await diskFiles.write(fd, bytes, start, end, position)
    }
    files.rename = async (from, to) => {
      if (to.endsWith('.state')) renamed = journal.time
      await diskFiles.rename(from, to)
    }
    journal.onSnapshot(function * () {
      // The state is that of now; its record is not written yet, and held back.
      if (last !== null) return
      last = journal.next()
      syncs = files.syncs
      const writer = journal.begin(RecordType.message, last)
      writer.text(1, 'topic')
      writer.field(12, Buffer.alloc(4000))
      journal.end('disk', null, 'topic')
      yield
    })
    for (let i = 0; i < 3; i++) await append(journal, Buffer.alloc(2900))
    await until(() => held, 'that the record is held')
    // Nothing else is written meanwhile.
    await until(() => files.syncs > syncs, 'the sync of the snapshot')
    open()
    await until(() => renamed !== Infinity, 'the snapshot')
    assert.ok(renamed >= last!, 'the snapshot was there before what it holds')
  })

  it('find the messages of a topic by their index, also when it has to be made anew', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t), { fileBytes })
    for (let i = 0; i < 200; i++) await append(journal, `m${i} ${'x'.repeat(300)}`, { topic: `rooms/r${i % 7}/messages` })
    for (const name of readdirSync(directory)) if (name.endsWith('.index')) truncateSync(join(directory, name), 50)
    const found: string[] = []
    for (const reopened of [await openJournal(t, copyOf(t, directory), { fileBytes })]) {
      for (const segment of reopened.journal.segments) {
        const index = await reopened.journal.reads.index(segment)
        await reopened.journal.reads.records(segment, index.topics.get('rooms/r3/messages') ?? [], (bytes, start) => { found.push(Buffer.from(readMessage(bytes, start).payload).toString().split(' ')[0]!) })
      }
    }
    assert.deepEqual(found, Array.from({ length: 200 }, (_, i) => i).filter(i => i % 7 === 3).map(i => `m${i}`))
  })

  it('make publishers wait at the quota, each user at its share first', async () => {
    const { journal } = await openJournal(t, journalFolder(t), { fileBytes, quota: { maxBytes: 40_000, onFull: 'block', userShare: 50 } })
    while (journal.quota.refusal('ann') === null) await append(journal, 'x'.repeat(500), { sender: 'ann' })
    assert.match(journal.quota.refusal('ann')!, /of ann, as many as 50 % \(journal.userShare\)/)
    assert.equal(journal.quota.refusal('bob'), null)
    while (journal.quota.refusal('bob') === null) await append(journal, 'x'.repeat(500), { sender: 'bob' })
    assert.match(journal.quota.refusal('eve') ?? '', /^the journal holds \d+ bytes, as many as journal.maxBytes allows$/)
  })

  it('make room at the quota when what is in them is done with, though nothing is written any more', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t), { fileBytes, quota: { maxBytes: 100_000, onFull: 'block', userShare: 80 } })
    journal.onSnapshot(function * () {})
    const consumer = journal.consumer('recorder')
    while (journal.refusal('ann') === null) await append(journal, 'x'.repeat(500), { sender: 'ann' })
    const { sequence } = journal.segments.at(-1)!
    await until(() => readdirSync(directory).some(name => name.startsWith(`snapshot-${String(sequence).padStart(10, '0')}`)), 'the last snapshot')
    // What goes by itself after it has gone by then.
    await sleep(100)
    consumer.commit(journal.time)
    await until(() => journal.refusal('ann') === null, 'that there is room')
  })

  it('are a part of the quota each, also when that is small', async () => {
    const { journal } = await openJournal(t, journalFolder(t), { quota: { maxBytes: 64 * 2 ** 20, onFull: 'block', userShare: 50 } })
    for (let i = 0; i < 10; i++) await append(journal, Buffer.alloc(2 ** 20))
    assert.ok(journal.segments.length > 1)
  })

  it('are still counted to their users after a restart, each once', async () => {
    const quota = { maxBytes: 60_000, onFull: 'block', userShare: 50 } as const
    const { journal, directory } = await openJournal(t, journalFolder(t), { fileBytes, quota })
    while (journal.quota.refusal('ann') === null) await append(journal, 'x'.repeat(500), { sender: 'ann' })
    assert.ok(journal.segments.length > 1)
    const { journal: again } = await openJournal(t, copyOf(t, directory), { fileBytes, quota })
    await until(() => again.quota.refusal('ann') !== null, 'that the share is known')
    assert.equal(again.quota.refusal('ann'), journal.quota.refusal('ann'))
  })

  it('are dropped at the quota if the configuration says so, loudly, and the consumer learns it', async () => {
    const { journal, log } = await openJournal(t, journalFolder(t), { fileBytes, quota: { maxBytes: 60_000, onFull: 'drop-oldest', userShare: 50 } })
    journal.onSnapshot(function * () {})
    const consumer = journal.consumer('recorder')
    assert.equal(await consumer.read(1), null)
    for (let i = 0; i < 400; i++) await append(journal, 'x'.repeat(500))
    await until(() => journal.segments[0]!.sequence > 1, 'the removal')
    assert.ok(log.some(({ msg }) => /oldest file of the journal is dropped/.test(String(msg))))
    await consumer.read(1)
    assert.ok(consumer.missed > 0)
  })

  it('of a newer Foyer are refused', async () => {
    const { journal, directory } = await openJournal(t, journalFolder(t))
    await append(journal, 'a')
    const copy = copyOf(t, directory)
    const bytes = readFileSync(logOf(copy))
    bytes[8] = 9
    const { crc32 } = await import('node:zlib')
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
    writeFileSync(logOf(copy), bytes)
    await assert.rejects(openJournal(t, copy), /written by a newer Foyer \(format 9/)
  })
})
