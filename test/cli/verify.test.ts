import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, it } from 'mocha'
import type { Verification } from '../../bridge/verify/verification.ts'
import { foyer, temporaryFolder, type Ended } from '../helpers/cli-run.ts'
import { history, serveWithSecret, token, type Served } from '../helpers/cli-serve.ts'
import { mintToken } from '../../broker/auth/mint.ts'
import { SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown, type Teardown } from '../helpers/teardown.ts'

/** Messages of stored channels that `speak` publishes. */
const SPOKEN = 6

/** Publishes one after the other, each in a group of its own in the journal. */
async function speak (t: Teardown, { ports }: Served): Promise<void> {
  // Who comes and goes is stored, too; here only what was spoken is to be counted.
  const unseen = mintToken(SECRET, { sub: 'bob', rooms: { '*': 'owner' }, expiresIn: 3600, presence: false })
  const client = await MqttClient.connect(t, { port: ports.mqtt, username: 'x', password: Buffer.from(unseen) })
  for (let i = 1; i <= SPOKEN; i++) {
    client.publish('rooms/lobby/messages', `{"text":"word ${i}"}`, { qos: 1, messageId: i })
    await client.take('puback')
  }
  client.publish('rooms/lobby/live/cursor', 'not stored', { qos: 1, messageId: SPOKEN + 1 })
  await client.take('puback')
}

/** A data directory after traffic, of a server that was stopped. */
async function used (t: Teardown): Promise<string> {
  const server = await serveWithSecret(t)
  await speak(t, server)
  assert.equal((await server.process.stop()).code, 0)
  return server.dataDir
}

function verify (t: Teardown, dataDir: string, ...more: string[]): Promise<Ended> {
  return foyer(t, ['verify', '--data-dir', dataDir, ...more])
}

async function verifyJson (t: Teardown, dataDir: string): Promise<Verification & { ok: boolean }> {
  const { stdout, stderr } = await verify(t, dataDir, '--json')
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) as Verification & { ok: boolean }
}

/** All files but locks, which are no data, by their content. */
function contents (folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile() && entry.name !== 'lock')
  return Object.fromEntries(files.map(({ parentPath, name }) => [join(parentPath, name), createHash('sha256').update(readFileSync(join(parentPath, name))).digest('hex')]).sort())
}

function journalFile (dataDir: string): string {
  return join(dataDir, 'journal/journal-0000000001.log')
}

async function sql (dataDir: string, statement: string): Promise<void> {
  const instance = await DuckDBInstance.create(join(dataDir, 'store.duckdb'))
  const connection = await instance.connect()
  await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
}

describe('foyer verify', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('balances after a stop, changes nothing, and lets the server start again', async () => {
    const dataDir = await used(t)
    const before = contents(dataDir)
    const { code, stdout, stderr } = await verify(t, dataDir)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, stdout)
    assert.match(stdout, /^journal +1 file, \d+ bytes, 20\S+ to 20\S+$/m)
    assert.match(stdout, new RegExp(`^ +${SPOKEN}  messages of stored channels`, 'm'))
    assert.match(stdout, new RegExp(`^= +${SPOKEN}  in the store`, 'm'))
    assert.match(stdout, /^\+ +0 {2}pending/m)
    assert.match(stdout, /^\+ +0 {2}missing/m)
    assert.match(stdout, /^ok: it balances\n/m)
    assert.deepEqual(contents(dataDir), before)
    assert.ok(!existsSync(join(dataDir, 'lock')), 'the folder is free again')
    const { ports } = await serveWithSecret(t, { dataDir })
    assert.equal((await history(ports.http, token('ann'), 'lobby', '?filter=messages')).length, SPOKEN)
  })

  it('balances after a kill, whatever the store had by then', async () => {
    const server = await serveWithSecret(t)
    await speak(t, server)
    await server.process.stop('SIGKILL')
    const before = contents(server.dataDir)
    const { ok, problems, balance: { journaled, stored, pending } } = await verifyJson(t, server.dataDir)
    assert.deepEqual({ ok, problems, journaled, both: stored + pending }, { ok: true, problems: [], journaled: SPOKEN, both: SPOKEN })
    assert.deepEqual(contents(server.dataDir), before)
  })

  it('counts as pending what a store that was lost gets at the next start', async () => {
    const dataDir = await used(t)
    rmSync(join(dataDir, 'store.duckdb'))
    const { balance, store } = await verifyJson(t, dataDir)
    assert.deepEqual([balance.pending, balance.missing, store.newest], [SPOKEN, 0, null])
    assert.ok(!existsSync(join(dataDir, 'store.duckdb')), 'it makes none')
    const { ports } = await serveWithSecret(t, { dataDir })
    assert.equal((await history(ports.http, token('ann'), 'lobby', '?filter=messages')).length, SPOKEN)
  })

  it('says in which file and where a bit was flipped', async () => {
    const dataDir = await used(t)
    const file = journalFile(dataDir)
    const bytes = readFileSync(file)
    const word = bytes.indexOf('word 3')
    bytes[word]! ^= 1
    writeFileSync(file, bytes)
    const { code, stdout, stderr } = await verify(t, dataDir)
    assert.equal(code, 1)
    assert.match(stdout, /^failed: 2 problems$/m)
    const [, path, offset, length] = /the journal file (\S+) is damaged at offset (\d+), (\d+) bytes/.exec(stderr) ?? []
    assert.equal(path, file)
    assert.ok(Number(offset) < word && word < Number(offset) + Number(length), `${word} in ${stderr}`)
    // The store still knows what stood there.
    assert.match(stderr, /^foyer: 1 message is in the store and no longer in the journal: \S+ of 20\S+ \(rooms\/lobby\/messages\)/m)
    const { balance, store, journal } = await verifyJson(t, dataDir)
    assert.deepEqual([balance.journaled, balance.stored, store.alone, journal.damages], [SPOKEN - 1, SPOKEN - 1, 1, [{ path, offset: Number(offset), bytes: Number(length) }]])
  })

  it('names the message that the store lacks, the one that is different, and the one that is there twice', async () => {
    const dataDir = await used(t)
    await sql(dataDir, "DELETE FROM messages WHERE decode(payload) LIKE '%word 2%'")
    const lacking = await verify(t, dataDir)
    assert.equal(lacking.code, 1)
    assert.match(lacking.stdout, /^\+ +1 {2}missing/m)
    assert.match(lacking.stderr, /^foyer: 1 message is in the journal and not in the store: A\S{11} of 20\S+ \(rooms\/lobby\/messages\)\. .*backup/)

    await sql(dataDir, "INSERT INTO origins SELECT 1000000, node, room, channel, topic, 'eve' FROM origins WHERE topic = 'rooms/lobby/messages' LIMIT 1")
    await sql(dataDir, "UPDATE messages SET origin = 1000000 WHERE decode(payload) LIKE '%word 3%'")
    await sql(dataDir, "INSERT INTO messages SELECT * FROM messages WHERE decode(payload) LIKE '%word 4%'")
    const { balance, store, problems } = await verifyJson(t, dataDir)
    assert.deepEqual(balance, { journaled: SPOKEN, stored: SPOKEN - 2, different: 1, pending: 0, forgotten: 0, missing: 1 })
    assert.equal(store.repeated, 1)
    assert.equal(problems.length, 3)
    assert.match(problems.join('\n'), /1 message is in the store with another topic, sender.*\n1 message is in the store more than once/)
  })

  it('takes a torn tail for what it is', async () => {
    const dataDir = await used(t)
    const file = journalFile(dataDir)
    appendFileSync(file, readFileSync(file).subarray(64, 100))
    const { code, stdout, stderr } = await verify(t, dataDir)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, stdout)
    assert.match(stdout, /torn tail of 36 bytes: .*never acknowledged/)
  })

  it('does not take it for that when the store has seen what stood there', async () => {
    const dataDir = await used(t)
    const file = journalFile(dataDir)
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.subarray(0, bytes.indexOf('word 6')))
    const { code, stderr } = await verify(t, dataDir)
    assert.equal(code, 1)
    assert.match(stderr, /^foyer: 1 message is in the store and no longer in the journal: /)
  })

  it('leaves a running server alone: it says which to stop', async () => {
    const { process: { pid }, dataDir } = await serveWithSecret(t)
    const { code, stdout, stderr } = await verify(t, dataDir)
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
    assert.match(stderr, new RegExp(`^foyer: the data directory ${dataDir} is in use by the process ${pid}\\. Stop that one first \\(kill ${pid}\\)`))
  })

  it('makes no data directory where there is none', async () => {
    const dataDir = join(temporaryFolder(t), 'data')
    const { code, stderr } = await verify(t, dataDir)
    assert.equal(code, 1)
    assert.match(stderr, /is no data directory of Foyer.*--data-dir or FOYER_DATA_DIR/)
    assert.ok(!existsSync(dataDir))
  })
})
