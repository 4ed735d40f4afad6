import { join } from 'node:path'
import { mintToken } from '../../broker/auth/mint.ts'
import { FOYER, Running, temporaryFolder, UNCOUNTED, type RunOptions } from './cli-run.ts'
import { SECRET } from './foyer.ts'
import type { Teardown } from './teardown.ts'

export interface Ports {
  readonly mqtt: number
  readonly mqtts: number
  readonly http: number
  readonly https: number
}

/** `foyer serve` as a process of its own. */
export interface Served {
  readonly process: Running
  /** As they were printed; 0 for what is off. */
  readonly ports: Ports
  readonly dataDir: string
  /** What it logged so far, as objects. */
  log (): Record<string, unknown>[]
}

export interface ServeOptions extends RunOptions {
  readonly dataDir?: string
  readonly flags?: readonly string[]
}

/** Starts it on free ports, in a folder of its own unless told, without waiting. */
export function start (t: Teardown, { dataDir, flags = [], ...options }: ServeOptions = {}): { process: Running, dataDir: string } {
  const folder = dataDir ?? join(temporaryFolder(t), 'data')
  const process = new Running(t, [...FOYER, 'serve', '--mqtt-port', '0', '--http-port', '0', '--data-dir', folder, ...flags], options)
  return { process, dataDir: folder }
}

/** Starts it and resolves when its ports are open. */
export async function serve (t: Teardown, options: ServeOptions = {}): Promise<Served> {
  const { process, dataDir } = start(t, options)
  await process.says(/^Foyer [^]*\n\n/)
  const port = (scheme: string): number => Number(new RegExp(` ${scheme}://[^\\s]*:(\\d+)`).exec(process.stdout)?.[1] ?? 0)
  return {
    process,
    dataDir,
    ports: { mqtt: port('mqtt'), mqtts: port('mqtts'), http: port('http'), https: port('https') },
    log: () => process.stderr.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record<string, unknown>)
  }
}

/** With a secret that the test knows, to mint tokens without a process for each. */
export async function serveWithSecret (t: Teardown, options: ServeOptions = {}): Promise<Served> {
  return await serve(t, { ...options, env: { ...UNCOUNTED, FOYER_JWT_SECRET: SECRET, ...options.env } })
}

/** A token of `serveWithSecret`. */
export function token (sub: string, rooms: Record<string, string> = { '*': 'owner' }, expiresIn = 24 * 3600): string {
  return mintToken(SECRET, { sub, rooms, expiresIn })
}

export interface HistoryEntry {
  readonly id: string
  readonly topic: string
  readonly sender: string
  readonly qos: number
  readonly payload: unknown
}

/** What a room's history holds, newest first. */
export async function history (port: number, bearer: string, room = 'lobby', query = ''): Promise<HistoryEntry[]> {
  const response = await fetch(`http://127.0.0.1:${port}/api/rooms/${room}/history${query}`, { headers: { authorization: `Bearer ${bearer}` } })
  if (response.status !== 200) throw new Error(`history answered ${response.status}: ${await response.text()}`)
  return (await response.json() as { messages: HistoryEntry[] }).messages
}
