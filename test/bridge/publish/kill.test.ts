import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'mocha'
import { mintToken } from '../../../broker/auth/mint.ts'
import { besideBroker } from '../../helpers/bridge-beside-broker.ts'
import { temporaryFolder, TYPESCRIPT, UNCOUNTED } from '../../helpers/cli-run.ts'
import { SECRET } from '../../helpers/foyer.ts'
import { useTeardown } from '../../helpers/teardown.ts'
import { within } from '../../helpers/within.ts'

const PROCESS = fileURLToPath(new URL('../../helpers/publish-process.ts', import.meta.url))
const BODY = { topic: 'rooms/lobby/messages', payload: { text: 'once and for all' } }

describe('a server that is killed while somebody publishes over HTTP', function () {
  this.timeout(60_000)
  const t = useTeardown()
  const token = mintToken(SECRET, { sub: 'ann', rooms: { '*': 'owner' }, expiresIn: 600 })

  for (const [moment, told] of [['after', 'the disk has the message, before the answer'], ['before', 'the disk has it']] as const) {
    it(`answers by its key as the first time would have been answered, and has it once (killed ${moment === 'after' ? 'when' : 'before'} ${told})`, async () => {
      const dataDir = join(temporaryFolder(t), 'data')
      const child = fork(PROCESS, [dataDir, BODY.payload.text, moment], { execArgv: [TYPESCRIPT], env: { ...process.env, ...UNCOUNTED } })
      t.after(() => child.kill('SIGKILL'))
      const died = once(child, 'exit')
      const [{ port }] = await within(30_000, 'the process did not start', once(child, 'message')) as [{ port: number }]
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': '"order 7"' }
      const send = (url: string): Promise<Response> => fetch(`${url}/api/publish`, { method: 'POST', headers, body: JSON.stringify(BODY) })
      await assert.rejects(send(`http://127.0.0.1:${port}`))
      assert.deepEqual(await within(10_000, 'the process did not end', died), [null, 'SIGKILL'])

      const foyer = await besideBroker(t, { dataDir })
      const answer = await send(foyer.url)
      assert.equal(answer.status, 200)
      const { id } = await answer.json() as { id: string }
      assert.equal(foyer.broker.stats().received, moment === 'after' ? 0 : 1, 'it is published again only where it was lost')
      const history = await foyer.ask('GET', '/api/rooms/lobby/history', token)
      assert.deepEqual(history.json().messages.map((message: { id: string }) => message.id), [id])
      assert.deepEqual(await (await send(foyer.url)).json(), { id })
    })
  }
})
