import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { takeLock, type Lock } from '../../../broker/journal/lock.ts'
import { processStart } from '../../../broker/journal/process-start.ts'
import { temporaryFolder, TYPESCRIPT } from '../../helpers/cli-run.ts'
import { useTeardown, type Teardown } from '../../helpers/teardown.ts'
import { until } from '../../helpers/within.ts'

const DEAD = '4194304 - 0\n'

function claimOf (held: string): string {
  return `lock.${createHash('sha256').update(held).digest('hex').slice(0, 8)}`
}

function taken (lock: Lock | number): Lock {
  if (typeof lock === 'number') assert.fail(`held by ${lock}`)
  return lock
}

describe('the lock of a folder', function () {
  // Each test starts several processes.
  this.timeout(60_000)
  const t = useTeardown()

  it('is held once, and free again when released', () => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'lock')
    const lock = taken(takeLock(path))
    assert.equal(takeLock(path), process.pid)
    lock.release()
    lock.release()
    taken(takeLock(path)).release()
    assert.deepEqual(readdirSync(folder), [])
  })

  it('is taken over from a process that is gone, and from an earlier one of the same number', () => {
    for (const held of [DEAD, `${process.pid} another-boot/17 0\n`, '', 'nonsense\n']) {
      const folder = temporaryFolder(t)
      const path = join(folder, 'lock')
      writeFileSync(path, held)
      const lock = taken(takeLock(path))
      assert.equal(readFileSync(path, 'utf8').split(' ')[0], String(process.pid))
      assert.deepEqual(readdirSync(folder), ['lock'])
      lock.release()
    }
  })

  it('is not taken over from a process that lives, also if nothing tells when it began', () => {
    const path = join(temporaryFolder(t), 'lock')
    for (const start of [processStart(process.ppid), '-']) {
      writeFileSync(path, `${process.ppid} ${start} 0\n`)
      assert.equal(takeLock(path), process.ppid)
    }
  })

  it('is taken over from a process that was killed and waits for its parent to notice', async () => {
    // A shell that never asks for the exit code of what it started.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => parent.kill('SIGKILL'))
    let said = ''
    parent.stdout.on('data', (chunk: Buffer) => { said += chunk.toString() })
    await until(() => said.endsWith('\n') && readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n', 'the child')
    const pid = Number(said)
    const path = join(temporaryFolder(t), 'lock')
    writeFileSync(path, `${pid} ${processStart(pid)} 0\n`)
    assert.equal(takeLock(path), pid)
    process.kill(pid, 'SIGKILL')
    await until(() => processStart(pid) === 'gone', 'its end')
    taken(takeLock(path)).release()
  })

  it('is taken over when somebody died in the middle of taking it over', () => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'lock'), DEAD)
    writeFileSync(join(folder, claimOf(DEAD)), '4194303 - 0\n')
    taken(takeLock(join(folder, 'lock')))
    assert.deepEqual(readdirSync(folder), ['lock'])
  })

  it('is left to the one that is taking it over', () => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'lock'), DEAD)
    writeFileSync(join(folder, claimOf(DEAD)), `${process.ppid} - 0\n`)
    assert.equal(takeLock(join(folder, 'lock')), process.ppid)
    assert.equal(readFileSync(join(folder, 'lock'), 'utf8'), DEAD)
  })

  it('is won by exactly one of several that find a dead one at the same moment', async () => {
    const rivals = Array.from({ length: 4 }, () => startRival(t))
    await Promise.all(rivals.map(answerOf))
    for (let round = 0; round < 40; round++) {
      const path = join(temporaryFolder(t), 'lock')
      writeFileSync(path, DEAD)
      const answers = rivals.map(answerOf)
      for (const rival of rivals) rival.send(path)
      const won = (await Promise.all(answers)).filter(answer => answer === 'won')
      assert.equal(won.length, 1, `round ${round}`)
    }
  })
})

/** A process that tries to take each lock that it is told of. */
function startRival (t: Teardown): ChildProcess {
  const source = `
    import { takeLock } from ${JSON.stringify(new URL('../../../broker/journal/lock.ts', import.meta.url).href)}
    process.on('message', (path) => { process.send(typeof takeLock(path) === 'object' ? 'won' : 'lost') })
    process.send('ready')
  `
  const child = spawn(process.execPath, [TYPESCRIPT, '--input-type=module', '--eval', source], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function answerOf (child: ChildProcess): Promise<unknown> {
  const [answer] = await once(child, 'message') as [unknown]
  return answer
}
