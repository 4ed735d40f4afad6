import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Running, temporaryFolder } from './cli-run.ts'
import type { Teardown } from './teardown.ts'
import { until } from './within.ts'

export interface InfluxOptions {
  /** Largest body of a write. */
  readonly maxBody?: number
  /** Name and password of an admin; nobody else may do anything then. */
  readonly admin?: { readonly name: string, readonly password: string }
}

/** What a query of a test gave: rows of one series. */
export type Row = readonly unknown[]

/** A real InfluxDB on free ports and in a folder of its own, which outlives its ends. */
export class InfluxServer {
  readonly port: number
  private readonly t: Teardown
  private readonly config: string
  private readonly authorization: string | null
  private running: Running | null = null

  private constructor (t: Teardown, port: number, config: string, authorization: string | null) {
    this.t = t
    this.port = port
    this.config = config
    this.authorization = authorization
  }

  /** Prepares one, and starts it. */
  static async start (t: Teardown, options: InfluxOptions = {}): Promise<InfluxServer> {
    const server = await InfluxServer.prepare(t, options)
    await server.start()
    const { admin } = options
    if (admin !== undefined) await server.query(`CREATE USER "${admin.name}" WITH PASSWORD '${admin.password}' WITH ALL PRIVILEGES`, '')
    return server
  }

  /** One that has yet to be started. */
  static async prepare (t: Teardown, { maxBody = 25_000_000, admin }: InfluxOptions = {}): Promise<InfluxServer> {
    const folder = temporaryFolder(t)
    const [port, own] = await freePorts()
    const config = join(folder, 'influxdb.conf')
    writeFileSync(config, `
reporting-enabled = false
bind-address = "127.0.0.1:${own}"
[meta]
  dir = "${folder}/meta"
  logging-enabled = false
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
  index-version = "tsi1"
  max-series-per-database = 0
  max-values-per-tag = 0
  query-log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[continuous_queries]
  enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
  max-body-size = ${maxBody}
  auth-enabled = ${admin !== undefined}
`)
    return new InfluxServer(t, port!, config, admin === undefined ? null : `Basic ${Buffer.from(`${admin.name}:${admin.password}`).toString('base64')}`)
  }

  get url (): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start (): Promise<void> {
    const running = new Running(this.t, ['influxd', '-config', this.config])
    this.running = running
    await until(async () => {
      if (running.child.exitCode !== null) throw new Error(`influxd ended: ${running.stderr.slice(-2000)}`)
      return await fetch(`${this.url}/ping`).then(({ status }) => status === 204, () => false)
    }, 'that InfluxDB answers', 60_000)
  }

  async stop (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.running!.stop(signal, 60_000)
  }

  /** The rows of the first series. */
  async query (q: string, db = 'foyer'): Promise<Row[]> {
    const response = await fetch(`${this.url}/query?${String(new URLSearchParams({ db, q }))}`, { method: 'POST', ...this.headers() })
    const { results, error } = await response.json() as { error?: string, results: [{ error?: string, series?: [{ values: Row[] }] }] }
    const wrong = error ?? results[0].error
    if (wrong !== undefined) throw new Error(`${q}: ${wrong}`)
    return results[0].series?.[0].values ?? []
  }

  /** Writes lines as another program would. */
  async write (lines: string, db = 'foyer'): Promise<void> {
    const response = await fetch(`${this.url}/write?db=${db}`, { method: 'POST', body: lines, ...this.headers() })
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  }

  private headers (): { headers: Record<string, string> } {
    return { headers: this.authorization === null ? {} : { authorization: this.authorization } }
  }
}

async function freePorts (): Promise<number[]> {
  const servers = await Promise.all([0, 1].map(async () => {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return server
  }))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
