import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { judgeFileSystem, judgeSpace, judgeSyncs } from '../../cli/doctor/disk.ts'
import { describeFinding } from '../../cli/doctor/finding.ts'
import { judgeClock, judgeNode, judgeOpenFiles } from '../../cli/doctor/machine.ts'
import { judge } from '../../cli/doctor/survival.ts'
import { foyer, FOYER, Running, temporaryFolder } from '../helpers/cli-run.ts'
import { serve } from '../helpers/cli-serve.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const MiB = 1024 ** 2

describe('foyer doctor', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('proves that what was acknowledged survives a kill, and leaves nothing behind', async () => {
    const TMPDIR = temporaryFolder(t)
    const dataDir = join(temporaryFolder(t), 'data')
    // The server of its own has nothing to do with how the real one is configured.
    const env = { TMPDIR, FOYER_MQTT_PORT: '1', FOYER_MQTTS_PORT: 'off', FOYER_JWT_SECRET: 'x'.repeat(32) }
    const { code, stdout, stderr } = await foyer(t, ['doctor', '--data-dir', dataDir], { env })
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, stdout)
    const [findings, summary] = stdout.split('\n\n') as [string, string]
    assert.equal(summary, 'ok: Foyer keeps its promises here\n')
    for (const line of findings.split('\n')) assert.match(line, /^(ok {4}|warn {2}).*[^.]$/)
    for (const what of [
      /^ok {4}Node\.js \d+\./m, /the data directory \S+ can be made$/m, /the file system (is|has)/, / (GiB|MiB) are free/, /a synced write takes \d.* \(median of 20, p99 /,
      /files may be open/, /^ok {4}the clock says 20/m, /^ok {4}.* killed right after it had acknowledged 20 messages of QoS 1 and 20 of QoS 2$/m,
      /^ok {4}each of them is in history exactly once$/m, /^ok {4}each of them reached a subscriber that had been away exactly once$/m, /^ok {4}foyer verify: all \d+ messages/m
    ]) assert.match(findings, what)
    assert.deepEqual(readdirSync(TMPDIR), [])
    assert.ok(!existsSync(dataDir), 'only `foyer serve` makes the data directory')
  })

  it('may run beside the server whose data directory it looks at', async () => {
    const { dataDir, process } = await serve(t)
    const before = readdirSync(dataDir)
    const { code, stdout } = await foyer(t, ['doctor', '--data-dir', dataDir])
    assert.equal(code, 0, stdout)
    assert.match(stdout, new RegExp(`^ok    the data directory ${dataDir} can be written$`, 'm'))
    assert.deepEqual(readdirSync(dataDir), before)
    assert.equal((await process.stop()).code, 0)
  })

  it('fails where the data directory can not be written, and goes on with what can be checked', async () => {
    const file = join(temporaryFolder(t), 'file')
    writeFileSync(file, '')
    for (const dataDir of [file, join(file, 'data')]) {
      const { code, stdout } = await foyer(t, ['doctor', '--data-dir', dataDir])
      assert.equal(code, 1)
      assert.match(stdout, new RegExp(`^fail  the data directory ${dataDir} can't be written: part of the path is not a folder\\. .*--data-dir or FOYER_DATA_DIR$`, 'm'))
      assert.match(stdout, /^ok {4}each of them is in history exactly once$/m)
      assert.match(stdout, /\n\nfailed: 1 of the checks\n$/)
    }
  })

  it('fails where it can make no scratch folder', async () => {
    const { code, stdout } = await foyer(t, ['doctor', '--data-dir', temporaryFolder(t)], { env: { TMPDIR: '/nowhere' } })
    assert.equal(code, 1)
    assert.match(stdout, /^fail {2}no scratch folder can be made: .*\/nowhere.*TMPDIR=/m)
  })

  it('warns of a clock that was set back', async () => {
    const dataDir = temporaryFolder(t)
    mkdirSync(join(dataDir, 'journal'))
    const file = join(dataDir, 'journal/journal-0000000001.log')
    writeFileSync(file, '')
    const later = Date.now() / 1000 + 3600
    utimesSync(file, later, later)
    const { code, stdout } = await foyer(t, ['doctor', '--data-dir', dataDir])
    assert.equal(code, 0)
    assert.match(stdout, /^warn {2}the clock was set back: .* (359\d|3600)\.\d s in its future\. /m)
  })

  for (const [signal, expected] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    it(`takes its server and its folder along when ${signal} ends it`, async () => {
      const TMPDIR = temporaryFolder(t)
      const doctor = new Running(t, [...FOYER, 'doctor', '--data-dir', join(TMPDIR, 'none')], { env: { TMPDIR } })
      const lock = (): string => join(TMPDIR, readdirSync(TMPDIR).find(name => name.startsWith('foyer-doctor-')) ?? 'none', 'data/lock')
      await until(() => existsSync(lock()) && statSync(lock()).size > 0, 'its server runs', 20_000)
      const pid = Number(readFileSync(lock(), 'utf8').split(' ')[0])
      assert.equal((await doctor.stop(signal)).code, expected)
      assert.deepEqual(readdirSync(TMPDIR), [])
      await until(() => !existsSync(`/proc/${pid}`), 'its server has ended')
    })
  }
})

describe('the doctor judges', () => {
  const line = describeFinding

  it('Node.js by its version', () => {
    assert.equal(line(judgeNode('20.19.0', '>=20.19')), 'ok    Node.js 20.19.0')
    assert.equal(judgeNode('22.0.0', '>=20.19').status, 'ok')
    for (const old of ['20.18.3', '18.20.0']) assert.match(line(judgeNode(old, '>=20.19')), /^fail {2}Node\.js .* needs >=20\.19\. Install/)
    assert.equal(judgeNode(process.versions.node).status, 'ok')
  })

  it('a disk by what a sync takes', () => {
    assert.equal(line(judgeSyncs([...Array<number>(19).fill(0.8), 25])), 'ok    a synced write takes 800 µs (median of 20, p99 25.0 ms)')
    assert.match(line(judgeSyncs(Array<number>(20).fill(21))), /^warn {2}.* takes 21\.0 ms .*Choose a faster disk/)
    assert.match(line(judgeSyncs(Array<number>(20).fill(0.019))), /^warn {2}.* takes 19 µs .*so fast is memory.*power loss/)
  })

  it('a disk by what is free', () => {
    assert.equal(line(judgeSpace(5 * 1024 * MiB, 4096 * MiB)), 'ok    5.0 GiB are free')
    assert.match(line(judgeSpace(500 * MiB, 4096 * MiB)), /^warn {2}500 MiB are free, less than .*journal\.maxBytes is 4\.0 GiB/)
    assert.match(line(judgeSpace(127 * MiB, 4096 * MiB)), /^fail {2}127 MiB are free/)
  })

  it('a file system by its type', () => {
    assert.equal(line(judgeFileSystem(0xef53)), 'ok    the file system is ext4')
    // Negative where the system has it as a signed number.
    assert.equal(line(judgeFileSystem(0x9123683e | 0)), 'ok    the file system is btrfs')
    assert.match(line(judgeFileSystem(0x01021994)), /^warn {2}the file system is tmpfs: it is memory/)
    assert.match(line(judgeFileSystem(0x6969)), /^warn {2}the file system is nfs/)
    assert.equal(judgeFileSystem(0x1234).status, 'ok')
  })

  it('the number of open files by the connections that are allowed', () => {
    assert.equal(judgeOpenFiles(100_064, 100_000).status, 'ok')
    assert.equal(line(judgeOpenFiles(Infinity, 100_000)), 'ok    any number of files may be open')
    assert.match(line(judgeOpenFiles(1024, 100_000)), /^warn {2}only 1024 .*limits\.connections is 100000.*ulimit -n 100064/)
    assert.equal(judgeOpenFiles(null, 1).status, 'warn')
  })

  it('a clock by what it says', () => {
    const now = Date.UTC(2026, 10, 24)
    assert.equal(judgeClock(now, 0).status, 'ok')
    assert.equal(judgeClock(now, now + 1000).status, 'ok')
    assert.equal(judgeClock(now, now + 3000).status, 'warn')
    assert.match(line(judgeClock(0, 0)), /^fail {2}the clock says 1970-01-01.*set-ntp/)
  })

  it('survival by each message', () => {
    const all = Array.from({ length: 40 }, (_, i) => i + 1)
    assert.equal(judge(all, 'is there', 'are not there').what, 'each of them is there exactly once')
    assert.match(line(judge([...all.slice(2), 3], 'is there', 'are not there')), /^fail {2}3 of 40 acknowledged messages are not there\. Please report/)
  })
})
