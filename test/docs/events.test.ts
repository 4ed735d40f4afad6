import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { connectAsync } from 'mqtt'
import { ROOT, Running, temporaryFolder } from '../helpers/cli-run.ts'
import { history, serveWithSecret, token } from '../helpers/cli-serve.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

const KILLS = 3
const SAID_BETWEEN = 200

describe('the loop of curl in the page about HTTP', function () {
  this.timeout(60_000)
  const t = useTeardown()

  it('prints every message once and in order, through kills of the server', async () => {
    const dataDir = join(temporaryFolder(t), 'data')
    let served = await serveWithSecret(t, { dataDir })
    const { http, mqtt } = served.ports
    const bearer = token('reader')
    const [, loop] = /```sh\n(touch last-id[^]*?)```/.exec(readFileSync(join(ROOT, 'docs/http.md'), 'utf8'))!
    const follower = new Running(t, ['bash', '-c', loop!.replace('127.0.0.1:8080', `127.0.0.1:${http}`)], { env: { TOKEN: bearer }, cwd: temporaryFolder(t) })
    const publisher = await connectAsync(`mqtt://127.0.0.1:${mqtt}`, { clientId: 'p', clean: false, username: 'x', password: token('p'), reconnectPeriod: 100 })
    t.after(() => publisher.endAsync(true))
    const printed = (): { readonly id: string, readonly payload: { readonly value: number } }[] => follower.stdout.split('\n').slice(0, -1).map(line => JSON.parse(line))
    await publisher.publishAsync('rooms/lobby/messages', '0', { qos: 1 })
    // Whoever follows from now on does not see what was before.
    await until(async () => {
      await publisher.publishAsync('rooms/lobby/messages', '0', { qos: 1 })
      return printed().length > 0
    }, 'that the loop follows', 20_000)
    let said = 0
    for (let kill = 0; kill <= KILLS; kill++) {
      const sending = Array.from({ length: SAID_BETWEEN }, () => publisher.publishAsync('rooms/lobby/messages', String(++said), { qos: 1 }))
      if (kill < KILLS) {
        // In the middle of it.
        await Promise.any(sending.slice(SAID_BETWEEN / 2))
        await served.process.stop('SIGKILL')
        served = await serveWithSecret(t, { dataDir, flags: ['--http-port', String(http), '--mqtt-port', String(mqtt)] })
      }
      await Promise.all(sending)
    }
    await until(() => printed().some(({ payload }) => payload.value === said), 'the last message', 20_000)
    const ids = printed().map(({ id }) => id)
    const kept = (await history(http, bearer, 'lobby', '?filter=messages&limit=1000')).reverse().map(({ id }) => id)
    assert.deepEqual(ids, kept.slice(kept.indexOf(ids[0]!)))
    assert.deepEqual([...new Set(printed().map(({ payload }) => payload.value).filter(value => value > 0))], Array.from({ length: said }, (_, i) => i + 1))
    // What curl holds open ends first.
    await served.process.stop('SIGKILL')
  })
})
