import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openDeadLetters } from '../../../../bridge/store/influx/dead-letters.ts'
import { useFolder } from '../../../helpers/bridge-folder.ts'
import { createLog } from '../../../helpers/bridge-log.ts'

describe('dead letters', () => {
  const folder = useFolder()
  const read = (path: string): { reason: string, line: string, cut?: boolean }[] => readFileSync(path, 'utf8').trimEnd().split('\n').map(line => JSON.parse(line))

  it('are in the file when they are added, behind those of an earlier start, and one line of the log says so', async () => {
    const path = join(folder(), 'letters.ndjson')
    const { logger, lines } = createLog()
    await openDeadLetters(path, logger).add([{ reason: 'a', line: 'x\n"y"' }, { reason: 'b', line: '' }])
    const letters = openDeadLetters(path, logger)
    assert.equal(letters.count, 0)
    await letters.add([{ reason: 'c', line: 'z' }])
    await letters.add([{ reason: 'd', line: 'z' }])
    assert.deepEqual(read(path).map(({ reason, line }) => [reason, line]), [['a', 'x\n"y"'], ['b', ''], ['c', 'z'], ['d', 'z']])
    assert.equal(letters.count, 2)
    assert.equal(statSync(path).mode & 0o077, 0, 'messages are nobody else\'s to read')
    assert.deepEqual(lines.map(({ reason, count, path: file }) => [reason, count, file]), [['a', 2, path], ['c', 1, path]])
  })

  it('take two files of a size at most, the older ones go', async () => {
    const path = join(folder(), 'letters.ndjson')
    const letters = openDeadLetters(path, createLog().logger, 4000)
    for (let i = 0; i < 40; i++) await letters.add([{ reason: `${i}`, line: 'x'.repeat(400) }])
    assert.ok(existsSync(`${path}.old`) && statSync(path).size <= 4000 && statSync(`${path}.old`).size <= 4000)
    const reasons = [...read(`${path}.old`), ...read(path)].map(({ reason }) => Number(reason))
    assert.deepEqual(reasons, Array.from({ length: reasons.length }, (_, i) => 40 - reasons.length + i))
    await letters.add([{ reason: 'large', line: 'y'.repeat(10_000) }])
    const last = read(path).at(-1)!
    assert.deepEqual([last.reason, last.cut, last.line.length], ['large', true, 500])
  })
})
