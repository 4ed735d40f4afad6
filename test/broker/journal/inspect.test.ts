import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { inspectJournal, type InspectedFile } from '../../../broker/journal/inspect.ts'
import { segmentPath } from '../../../broker/journal/segment.ts'
import { readMessage } from '../../../protocol/record.ts'
import { append, journalFolder, openJournal } from '../../helpers/journal.ts'
import { useTeardown } from '../../helpers/teardown.ts'

describe('the inspection of a journal', () => {
  const t = useTeardown()

  /** Three closed files with a message each. */
  async function threeFiles (): Promise<string> {
    const directory = journalFolder(t)
    const { journal } = await openJournal(t, directory, { fileBytes: 100 })
    for (const payload of ['one', 'two', 'three']) await append(journal, payload)
    await journal.close()
    return directory
  }

  async function inspect (directory: string): Promise<InspectedFile[]> {
    const files: InspectedFile[] = []
    for await (const file of inspectJournal(directory)) files.push(file)
    return files
  }

  const payloads = (files: readonly InspectedFile[]): string[] => files.flatMap(({ bytes, records }) => records.map(start => Buffer.from(readMessage(bytes, start).payload).toString()))
  const damages = (files: readonly InspectedFile[]): object[] => files.flatMap(({ damages }) => damages)

  it('reads all files in their order', async () => {
    const files = await inspect(await threeFiles())
    assert.deepEqual(payloads(files), ['one', 'two', 'three'])
    assert.deepEqual(damages(files), [])
    assert.ok(files.every(({ tornBytes, givenUpBytes }) => tornBytes === 0 && givenUpBytes === 0))
  })

  it('finds nothing where there is no journal', async () => {
    assert.deepEqual(await inspect('/nowhere/journal'), [])
  })

  it('misses a file between others, and the end of one that was cut', async () => {
    const directory = await threeFiles()
    const [first, second] = [1, 2].map(sequence => segmentPath(directory, sequence)) as [string, string]
    const { length } = readFileSync(first)
    truncateSync(first, length - 10)
    const [damage, ...others] = damages(await inspect(directory)) as { path: string, offset: number, bytes: number }[]
    assert.equal(damage!.path, first)
    assert.equal([damage!, ...others].reduce((end, { offset, bytes }) => offset <= end ? offset + bytes : end, damage!.offset), length)
    rmSync(second)
    assert.deepEqual(damages(await inspect(directory)).at(-1), { path: second, offset: 0, bytes: 0 })
  })

  it('reads on behind a broken header, which a start refuses', async () => {
    const directory = await threeFiles()
    const path = segmentPath(directory, 2)
    const bytes = readFileSync(path)
    bytes[0]! ^= 1
    writeFileSync(path, bytes)
    const files = await inspect(directory)
    assert.deepEqual(payloads(files), ['one', 'two', 'three'])
    assert.deepEqual(damages(files), [{ path, offset: 0, bytes: 64 }])
  })

  it('leaves out what follows the end that the next file gives', async () => {
    const directory = await threeFiles()
    appendFileSync(segmentPath(directory, 1), 'given up')
    const files = await inspect(directory)
    assert.deepEqual(files.map(({ givenUpBytes }) => givenUpBytes), [8, 0, 0])
    assert.deepEqual(damages(files), [])
  })

  it('takes a last file that was made and not begun for torn', async () => {
    const directory = await threeFiles()
    writeFileSync(segmentPath(directory, 4), Buffer.alloc(20))
    const files = await inspect(directory)
    assert.deepEqual(files.map(({ tornBytes }) => tornBytes), [0, 0, 0, 20])
    assert.deepEqual(damages(files), [])
  })
})
