import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import type { Consumer } from '../../../broker/journal/consumer.ts'
import { diskFiles, type FileLayer } from '../../../broker/journal/file-layer.ts'
import { inspectJournal, type InspectedFile } from '../../../broker/journal/inspect.ts'
import type { Journal, JournalOptions } from '../../../broker/journal/journal.ts'
import type { Keeper } from '../../../broker/journal/keeper.ts'
import { findMessage } from '../../../broker/journal/lookup.ts'
import { Gone } from '../../../broker/journal/reader.ts'
import { isStub, segmentPath } from '../../../broker/journal/segment.ts'
import { readMessage, recordEnd, recordTime, RecordType, recordType } from '../../../protocol/record.ts'
import { rounds } from '../../helpers/attack-target.ts'
import { append, journalFolder, openJournal, type TestJournal } from '../../helpers/journal.ts'
import { steppedFiles } from '../../helpers/stepped-files.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const WANTED = 'rooms/lobby/wanted'
const OTHER = 'rooms/lobby/other'
const options = { fileBytes: 20_000, quota: { maxBytes: 60_000, onFull: 'block', userShare: 100 } } as const

/** Needs the messages of one topic behind a position, and some by their positions alone. */
function keeperOf (topic: string, position = 0, positions: readonly number[] = []): Keeper & { topic: string, right: boolean, looked: number } {
  const keeper = {
    topic,
    right: true,
    looked: 0,
    needed: () => position,
    judge: async (after: number, upTo: number) => {
      keeper.looked++
      let bytes = 0
      return {
        positions: positions.filter(time => time > after && time <= upTo),
        mayNeed: (topic: string) => topic === keeper.topic,
        needs: (record: Buffer, start: number) => {
          bytes += recordEnd(record, start) - start
          return true
        },
        finish: () => bytes === 0 ? [] : [{ bytes, holds: () => keeper.topic === topic }],
        holds: () => keeper.right,
        letGo: () => {}
      }
    }
  }
  return keeper
}

/** As a kill leaves it. */
function copyOf (t: Teardown, directory: string): string {
  const copy = journalFolder(t)
  mkdirSync(copy, { recursive: true })
  for (const name of readdirSync(directory)) if (name !== 'lock') copyFileSync(join(directory, name), join(copy, name))
  return copy
}

function payloadOf (bytes: Uint8Array, start: number): string {
  return Buffer.from(readMessage(bytes, start).payload).toString().split(' ')[0]!
}

async function readAll (consumer: Consumer): Promise<string[]> {
  const payloads: string[] = []
  for (let block = await consumer.read(4000); block !== null; block = await consumer.read(4000)) {
    for (let start = 0; start < block.bytes.length; start = recordEnd(block.bytes, start)) {
      if (recordType(block.bytes, start) === RecordType.message) payloads.push(payloadOf(block.bytes, start))
    }
  }
  return payloads
}

async function inspect (directory: string): Promise<InspectedFile[]> {
  const files: InspectedFile[] = []
  for await (const file of inspectJournal(directory)) files.push(file)
  return files
}

function inFiles (files: readonly InspectedFile[]): string[] {
  return files.flatMap(({ bytes, records }) => records.filter(start => recordType(bytes, start) === RecordType.message).map(start => payloadOf(bytes, start)))
}

/** Numbers of the messages whose topic is wanted. */
const wantedOf = (payloads: readonly string[]): string[] => payloads.filter(payload => payload.startsWith('w'))

describe('the compaction of the journal', () => {
  const t = useTeardown()

  /** Several complete files and a snapshot; of every tenth message, the topic is wanted, but in the files of the middle. */
  async function filled (more: Partial<JournalOptions> = {}): Promise<TestJournal & { readonly wanted: string[], readonly positions: number[], readonly release: () => void }> {
    const opened = await openJournal(t, journalFolder(t), { ...options, quota: { ...options.quota, maxBytes: 2 ** 40 }, ...more })
    const { journal } = opened
    journal.onSnapshot(function * () {})
    let held = 0
    journal.hold(() => held)
    const wanted: string[] = []
    const positions: number[] = []
    for (let i = 0; i < 240; i++) {
      const isWanted = i % 10 === 5 && (i < 60 || i > 180)
      if (isWanted) wanted.push(`w${i}`)
      positions.push(await append(journal, `${isWanted ? 'w' : 'o'}${i} ${'x'.repeat(500)}`, { topic: isWanted ? WANTED : OTHER, sender: i % 2 === 0 ? 'ann' : 'ben' }))
    }
    await until(() => readdirSync(opened.directory).some(name => name.endsWith('.state')), 'a snapshot')
    return { ...opened, wanted, positions, release: () => { held = Infinity } }
  }

  /** Has a journal that was filled before compacted as far as it goes. */
  async function compacted (directory: string, keeper: Keeper = keeperOf(WANTED), more: Partial<JournalOptions> = {}): Promise<TestJournal> {
    const opened = await openJournal(t, directory, { ...options, ...more })
    await compact(opened.journal, keeper)
    return opened
  }

  /** Everything but the newest files is looked through. */
  async function compact (journal: Journal, keeper: Keeper): Promise<void> {
    journal.holdFor(keeper)
    const { bytes } = journal.quota
    await until(() => {
      journal.trim()
      return journal.quota.bytes < bytes / 2
    }, 'that there is room')
  }

  it('leaves what is needed, in its order and at its positions, and what was not looked at yet', async () => {
    const { journal, directory, wanted, positions } = await filled()
    await journal.close()
    const { journal: again } = await compacted(copyOf(t, directory), keeperOf(WANTED, 0, [positions[2]!, positions[70]!]))
    const all = await readAll(again.consumer('c'))
    assert.deepEqual(wantedOf(all), wanted)
    assert.deepEqual(all.filter(payload => Number(payload.slice(1)) < 100).sort(), ['o2', 'o70', ...wanted.filter(name => Number(name.slice(1)) < 100)].sort())
    assert.ok(again.segments.some(isStub))
    let found = ''
    await findMessage(again.segments, again.reads, positions[70]!, (bytes, start) => { found = payloadOf(bytes, start) })
    assert.equal(found, 'o70')
    for (const segment of again.segments) {
      const index = await again.reads.index(segment)
      const times: number[] = []
      await again.reads.records(segment, index.topics.get(WANTED) ?? [], (bytes, start) => times.push(recordTime(bytes, start)))
      assert.ok(times.every(time => time > segment.after && time <= segment.lastTime && wanted.includes(`w${positions.indexOf(time)}`)))
    }
  })

  it('is found by a restart and an inspection as it was left, over and over, and written on', async () => {
    const { journal, directory, wanted } = await filled()
    await journal.close()
    const copy = copyOf(t, directory)
    for (let i = 0; i < 3; i++) {
      const { journal: again, report } = await compacted(copy)
      assert.deepEqual(report, { tornBytes: 0, damages: [] })
      for (let k = 0; k < 120; k++) await append(again, `o ${'x'.repeat(500)}`, { topic: OTHER })
      wanted.push(`w-${i}`)
      await append(again, `w-${i}`, { topic: WANTED })
      again.onSnapshot(function * () {})
      await again.close()
      const files = await inspect(copy)
      assert.deepEqual(files.flatMap(({ damages }) => damages), [])
      assert.deepEqual(wantedOf(inFiles(files)), wanted)
    }
    // Empty ones that follow each other are one.
    const names = readdirSync(copy).filter(name => name.endsWith('.log'))
    const { journal: last } = await openJournal(t, copy, options)
    assert.deepEqual(last.segments.map(({ path }) => path), names.sort().map(name => join(copy, name)))
    assert.ok(last.segments.every((segment, i) => !isStub(segment) || i === 0 || !isStub(last.segments[i - 1]!)))
  })

  it('takes less of each user\'s share, as a restart counts it', async () => {
    const { journal, directory } = await filled()
    await journal.close()
    const tight = { ...options, quota: { maxBytes: 1_000_000, onFull: 'block', userShare: 1 } } as const
    const { journal: again, directory: copy } = await openJournal(t, copyOf(t, directory), tight)
    const share = (journal: Journal): number => Number(/holds (\d+) bytes of ann/.exec(journal.quota.refusal('ann') ?? '')?.[1] ?? 0)
    await until(() => share(again) > 50_000, 'that the share is known')
    const before = share(again)
    await compact(again, keeperOf(WANTED))
    await again.close()
    const { journal: last } = await openJournal(t, copyOf(t, copy), tight)
    assert.ok(share(again) < before * 0.6)
    await until(() => share(last) === share(again), 'that the share is counted the same')
    assert.equal(again.quota.bytes, last.quota.bytes)
    assert.equal(last.quota.bytes, last.segments.reduce((sum, { length }) => sum + length, 0))
  })

  it('does not happen without pressure, nor to what a consumer has yet to read, nor twice for nothing', async () => {
    const { journal, directory } = await filled()
    await journal.close()
    const keeper = keeperOf(WANTED)
    const calm = await openJournal(t, copyOf(t, directory), { ...options, quota: { ...options.quota, maxBytes: 2 ** 30 } })
    calm.journal.holdFor(keeper)
    calm.journal.trim()
    const held = await openJournal(t, copyOf(t, directory), options)
    held.journal.holdFor(keeper)
    held.journal.consumer('recorder')
    held.journal.trim()
    await append(held.journal, 'later')
    assert.equal(keeper.looked, 0)
    const all = keeperOf(OTHER)
    const full = await openJournal(t, copyOf(t, directory), options)
    full.journal.holdFor(all)
    // They are looked through one by one: the last one was when none has been for a while.
    let looked = 0
    let still = 0
    await until(async () => {
      full.journal.trim()
      await append(full.journal, 'later')
      still = all.looked === looked ? still + 1 : 0
      looked = all.looked
      return still >= 20 && looked >= full.journal.segments.length - 2
    }, 'that all files were looked through')
    for (let i = 0; i < 4; i++) {
      full.journal.trim()
      await append(full.journal, 'later')
    }
    assert.equal(all.looked, looked)
    // What they were kept for is over.
    all.topic = 'nothing'
    full.journal.trim()
    await until(() => full.journal.quota.bytes < 60_000, 'that they are looked through again')
  })

  it('is given up when what was not needed may be needed again', async () => {
    const { journal, directory } = await filled()
    await journal.close()
    const { journal: again } = await openJournal(t, copyOf(t, directory), options)
    const keeper = keeperOf(WANTED)
    keeper.right = false
    again.holdFor(keeper)
    const { bytes } = again.quota
    again.trim()
    await until(() => keeper.looked > 3, 'some attempts')
    assert.ok(again.quota.bytes >= bytes)
    keeper.right = true
    await compact(again, keeper)
  })

  it('comes before the dropping of what is needed', async () => {
    const quota = { maxBytes: 60_000, onFull: 'drop-oldest', userShare: 100 } as const
    const { journal, log } = await openJournal(t, journalFolder(t), { ...options, quota })
    journal.onSnapshot(function * () {})
    journal.holdFor(keeperOf(WANTED))
    const wanted: string[] = []
    for (let i = 0; i < 400; i++) {
      if (i % 20 === 0) {
        wanted.push(`w${i}`)
        await append(journal, `w${i}`, { topic: WANTED })
      }
      await append(journal, `o${i} ${'x'.repeat(500)}`, { topic: OTHER })
    }
    assert.deepEqual(log.filter(({ level }) => Number(level) >= 40), [])
    assert.deepEqual(wantedOf(await readAll(journal.consumer('c'))), wanted)
  })

  it('leaves a damaged file as it is, and says so once', async () => {
    const { journal, directory, wanted } = await filled()
    await journal.close()
    const copy = copyOf(t, directory)
    const path = segmentPath(copy, 2)
    const bytes = readFileSync(path)
    bytes[10_000]! ^= 1
    writeFileSync(path, bytes)
    const { journal: again, log } = await compacted(copy)
    for (let i = 0; i < 3; i++) {
      again.trim()
      await append(again, 'later')
    }
    assert.deepEqual(readFileSync(path), bytes)
    const told = log.filter(({ file, msg }) => file === path && /damaged/.test(String(msg)))
    assert.equal(told.length, 1)
    assert.ok(wantedOf(await readAll(again.consumer('c'))).length >= wanted.length - 1)
  })

  it('is never seen by whoever reads on: with places in the old file, nothing can be read', async () => {
    const { journal, directory, wanted, positions } = await filled()
    await journal.close()
    const { journal: again } = await openJournal(t, copyOf(t, directory), options)
    const [old] = again.segments
    const index = await again.reads.index(old!)
    const offsets = index.topics.get(WANTED)!
    const consumer = again.consumer('c')
    const block = await consumer.read(3000)
    // As if it had read everything: nothing is kept for it, but it is in the middle.
    consumer.commit(positions.at(-1)!)
    await compact(again, keeperOf(WANTED))
    assert.equal(old!.gone, true)
    await assert.rejects(again.reads.records(old!, offsets, () => assert.fail('it was read')), Gone)
    await assert.rejects(again.reads.index(old!), Gone)
    await assert.rejects(again.reads.block(old!, offsets[0]!, 1000), Gone)
    const rest = await readAll(consumer)
    const seen = wantedOf([payloadOf(block!.bytes, firstMessage(block!.bytes)), ...rest])
    assert.deepEqual(seen.filter(name => wanted.includes(name)), wanted.filter(name => rest.includes(name) || seen.includes(name)))
    assert.deepEqual(wantedOf(rest).slice(-5), wanted.slice(-5))
    assert.equal(consumer.missed, 0)
  })

  it('leaves the old bytes to who reads in the very moment of the change', async () => {
    const changed: string[] = []
    const read: string[] = []
    let journal: Journal | null = null
    // The name is that of other bytes, or of none, and nobody knows yet.
    const moment = async (path: string): Promise<void> => {
      const segment = journal?.segments.find(segment => segment.path === path)
      if (segment === undefined || isStub(segment)) return
      changed.push(path)
      const [offset] = (await journal!.reads.index(segment)).topics.get(OTHER)!
      await journal!.reads.records(segment, [offset!], (bytes, start) => read.push(payloadOf(bytes, start)))
    }
    const files: FileLayer = {
      ...diskFiles,
      async rename (from, to) {
        await diskFiles.rename(from, to)
        await moment(to)
      },
      async remove (path) {
        await diskFiles.remove(path)
        await moment(path)
      }
    }
    const { positions, release, ...opened } = await filled({ ...options, files })
    journal = opened.journal
    release()
    // The first is removed, the second stays for one message, the third has nothing left.
    const second = journal.segments[1]!
    await compact(journal, keeperOf('nothing', 0, [positions.find(time => time > second.after)!]))
    assert.ok(changed.length >= 3)
    assert.equal(read.length, changed.length)
    assert.ok(read.every(name => name.startsWith('o')))
  })

  it('can be killed at any moment: what is needed is there, and nothing is damaged', async function () {
    this.timeout(60_000)
    const { journal, directory, wanted } = await filled()
    await journal.close()
    const images: string[] = []
    const copy = copyOf(t, directory)
    let compacting = false
    const files = steppedFiles(() => { if (compacting) images.push(copyOf(t, copy)) })
    const { journal: again } = await openJournal(t, copy, { ...options, files })
    compacting = true
    await compact(again, keeperOf(WANTED))
    compacting = false
    assert.ok(images.length > 50)
    for (const image of images.filter((_image, i) => i % rounds(1, 2) === 0)) {
      const files = await inspect(image)
      assert.deepEqual(files.flatMap(({ damages }) => damages), [])
      assert.deepEqual(wantedOf(inFiles(files)), wanted)
      const { journal, report } = await openJournal(t, image, { ...options, quota: { ...options.quota, maxBytes: 2 ** 40 } })
      assert.deepEqual(report.damages, [])
      assert.deepEqual(wantedOf(await readAll(journal.consumer('c'))), wanted)
      for (const segment of journal.segments) {
        const found: string[] = []
        await journal.reads.records(segment, (await journal.reads.index(segment)).topics.get(WANTED) ?? [], (bytes, start) => found.push(payloadOf(bytes, start)))
        assert.ok(found.every(name => wanted.includes(name)))
      }
      assert.ok(!readdirSync(image).includes('compaction.new'))
      await journal.close()
    }
  })

  it('may fail at any step: nothing is lost, and the next attempt succeeds', async function () {
    this.timeout(60_000)
    const { journal, directory, wanted } = await filled()
    await journal.close()
    for (let failing = 0, failed = true; failed; failing += rounds(1, 3)) {
      failed = false
      let step = -1
      const files = steppedFiles(call => {
        // What the journal itself does about a failed write or sync is told elsewhere.
        if (step < 0 || step++ !== failing) return
        failed = true
        throw Object.assign(new Error(`EIO: i/o error, ${call}`), { code: 'EIO' })
      })
      const copy = copyOf(t, directory)
      const { journal: again } = await openJournal(t, copy, { ...options, files })
      await append(again, 'begun')
      again.holdFor(keeperOf(WANTED))
      const { bytes } = again.quota
      step = 0
      await until(() => {
        again.trim()
        return again.quota.bytes < bytes / 2
      }, `that there is room although step ${failing} failed`)
      step = -1
      await again.flush()
      assert.deepEqual(wantedOf(await readAll(again.consumer('c'))), wanted)
      await again.close()
      const inspected = await inspect(copy)
      assert.deepEqual(inspected.flatMap(({ damages }) => damages), [])
      assert.deepEqual(wantedOf(inFiles(inspected)), wanted)
    }
  })
})

function firstMessage (bytes: Uint8Array): number {
  let start = 0
  while (recordType(bytes, start) !== RecordType.message) start = recordEnd(bytes, start)
  return start
}
