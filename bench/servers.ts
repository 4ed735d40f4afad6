import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { mintToken } from '../broker/auth/mint.ts'
import { BROKER_CORE, SECRET, start } from './processes.ts'

export interface Server {
  readonly name: 'mosquitto' | 'foyer'
  readonly process: ChildProcess
  readonly port: number
  /** Of Foyer's HTTP; null for who has none. */
  readonly httpPort: number | null
  /** For every client: a token for Foyer, anything for Mosquitto. */
  readonly password: string
}

async function freePort (): Promise<number> {
  const server = net.createServer()
  return await new Promise(resolve => server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as net.AddressInfo
    server.close(() => resolve(port))
  }))
}

async function reachable (port: number, server: ChildProcess): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>(resolve => {
      const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) })
      socket.on('error', () => resolve(false))
    })
    if (open) return
    if (server.exitCode !== null || server.signalCode !== null) throw new Error(`${server.spawnargs.join(' ')} ended before it listened`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Without persistence and authentication, and with nothing that it would drop. Its files go to `folder`. */
export async function startMosquitto (folder: string, cores = BROKER_CORE): Promise<Server> {
  const port = await freePort()
  const file = join(folder, `mosquitto-${port}.conf`)
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_type error\n`)
  const server = start('mosquitto', ['-c', file], cores)
  await reachable(port, server)
  return { name: 'mosquitto', process: server, port, httpPort: null, password: 'x' }
}

const FOYER = 'dist/cli/main.js'

/** The flags of Node that `foyer` runs with: they are in its first line. */
function nodeFlags (): string[] {
  return readFileSync(FOYER, 'utf8').split('\n', 1)[0]!.split(' ').filter(word => word.startsWith('--'))
}

/** The real `foyer serve` with its default channels; everybody is owner of `room`. Its data goes to `folder`, unless `flags` say otherwise. */
export async function startFoyer (folder: string, room: string, cores = BROKER_CORE, flags: readonly string[] = []): Promise<Server> {
  const port = await freePort()
  const httpPort = await freePort()
  const server = start(process.execPath, [
    ...nodeFlags(), '--import', './bench/loop-delay.js', FOYER, 'serve',
    '--mqtt-port', String(port), '--http-port', String(httpPort), '--data-dir', join(folder, `data-${port}`), '--log-level', 'warn', ...flags
  ], cores, ['ignore', 'pipe', 'inherit', 'ipc'])
  server.stdout!.resume()
  await reachable(port, server)
  return { name: 'foyer', process: server, port, httpPort, password: mintToken(SECRET, { sub: 'bench', rooms: { [room]: 'owner' }, expiresIn: 24 * 3600 }) }
}
