import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { recordEnd, recordTime, RecordType, recordType } from '../../../protocol/record.ts'
import { append, journalFolder, openJournal } from '../../helpers/journal.ts'
import { useTeardown } from '../../helpers/teardown.ts'

describe('the position of a consumer', () => {
  const t = useTeardown()

  it('never says more than was read, wherever a block ends', async () => {
    const { journal } = await openJournal(t, journalFolder(t))
    journal.onSnapshot(function * () {})
    // Its positions are noted in the journal, between the messages.
    const noted = journal.consumer('noted')
    const times: number[] = []
    for (let i = 0; i < 40; i++) {
      times.push(await append(journal, `message ${i}`))
      noted.commit(times.at(-1)!)
    }
    let notes = 0
    for (let most = 64; most < 400; most += 7) {
      const consumer = journal.consumer(`of ${most}`)
      const read: number[] = []
      for (let block = await consumer.read(most); block !== null; block = await consumer.read(most)) {
        for (let start = 0; start < block.bytes.length; start = recordEnd(block.bytes, start)) {
          if (recordType(block.bytes, start) === RecordType.message) read.push(recordTime(block.bytes, start))
          else notes++
        }
        consumer.commit(block.lastTime)
        assert.deepEqual(read, times.filter(time => time <= consumer.position), `blocks of ${most} bytes`)
      }
      assert.deepEqual(read, times)
    }
    assert.ok(notes > 0)
  })
})
