import assert from 'node:assert/strict'
import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { diskFiles } from '../../../broker/journal/file-layer.ts'
import { temporaryFolder } from '../../helpers/cli-run.ts'
import { useTeardown } from '../../helpers/teardown.ts'

describe('the files of the journal', () => {
  const t = useTeardown()

  /** The flags of all descriptors of a file in this process, as open(2) has them. */
  function flagsOf (path: string): number[] {
    return readdirSync('/proc/self/fd').flatMap(fd => {
      try {
        if (readlinkSync(`/proc/self/fd/${fd}`) !== path) return []
        return [parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]!, 8)]
      } catch {
        // That of the list itself.
        return []
      }
    })
  }

  it('are written and synced at once, in the same file, and closed', async () => {
    const path = join(temporaryFolder(t), 'file')
    const fd = await diskFiles.open(path, true)
    await diskFiles.write(fd, Buffer.from('head|'), 0, 5, 0)
    assert.deepEqual(flagsOf(path).map(flags => flags & constants.O_DSYNC), [0])
    await diskFiles.writeSynced(fd, Buffer.from('--one|--'), 2, 6, 5)
    await diskFiles.writeSynced(fd, Buffer.from('two|'), 0, 4, 9)
    assert.equal(readFileSync(path, 'latin1'), 'head|one|two|')
    if (process.platform === 'linux') assert.deepEqual(flagsOf(path).map(flags => flags & constants.O_DSYNC).sort(), [0, constants.O_DSYNC])
    await diskFiles.truncate(fd, 9)
    await diskFiles.writeSynced(fd, Buffer.from('2'), 0, 1, 9)
    assert.equal(readFileSync(path, 'latin1'), 'head|one|2')
    await diskFiles.close(fd)
    assert.deepEqual(flagsOf(path), [])
  })

  it('are those that have the descriptor now: numbers come again', async () => {
    const folder = temporaryFolder(t)
    for (const name of ['a', 'b', 'c']) {
      const fd = await diskFiles.open(join(folder, name), true)
      await diskFiles.writeSynced(fd, Buffer.from(name), 0, 1, 0)
      await diskFiles.close(fd)
    }
    for (const name of ['a', 'b', 'c']) assert.equal(readFileSync(join(folder, name), 'latin1'), name)
  })

  it('say so when they can not be written', async () => {
    const fd = await diskFiles.open('/dev/full', false)
    await assert.rejects(diskFiles.writeSynced(fd, Buffer.from('x'), 0, 1, 0), /ENOSPC/)
    await diskFiles.close(fd)
  })
})
