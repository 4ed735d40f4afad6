import { createBridge, RecentLog, type Bridge } from '../../bridge/index.ts'
import type { BrokerOptions } from '../../broker/index.ts'
import { mintToken } from '../../broker/auth/mint.ts'
import { newBroker, SECRET, type Keys, type TestBroker } from './foyer.ts'
import { request, type Answer } from './bridge-server.ts'
import type { Teardown } from './teardown.ts'
import { createLog, type Line } from './bridge-log.ts'

/** A broker and the HTTP beside it. */
export interface Beside extends TestBroker {
  readonly url: string
  readonly bridge: Bridge
  /** What the bridge logged. */
  readonly lines: readonly Line[]
  /** Of an admin. */
  readonly admin: string
  ask (method: string, path: string, token: string | null, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

/** Opens both in this process, closed at teardown; `signs`: the bridge has the secret of the tokens; `yaml`: a file of configuration. */
export async function besideBroker (t: Teardown, keys: Keys = {}, signs = true, disk: Pick<BrokerOptions, 'files'> = {}, yaml = ''): Promise<Beside> {
  const foyer = await newBroker(t, keys, yaml, disk)
  const recentLog = new RecentLog()
  const { logger, lines } = createLog(recentLog)
  const bridge = await createBridge({ config: foyer.config, broker: foyer.broker, logger, version: 'test', recentLog, ...signs && { mint: wish => mintToken(SECRET, wish) } })
  t.after(() => bridge.close())
  const { http } = await bridge.listen()
  const url = `http://127.0.0.1:${http!.port}`
  return {
    ...foyer,
    url,
    bridge,
    lines,
    admin: foyer.token('root', {}, { admin: true }),
    ask: async (method, path, token, body, headers = {}) => await request(url + path, token, {
      method,
      ...body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) },
      headers: { ...body !== undefined && { 'content-type': 'application/json' }, ...headers }
    })
  }
}
