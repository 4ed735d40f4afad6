import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Option, type Command } from 'commander'
import type { Config } from '../config/schema.ts'
import { readClientConfiguration } from './configuration.ts'
import { holdIfFree, type DataDirectory } from './data-directory.ts'
import { CommandError } from './fail.ts'
import { addHttpOptions, download, type HttpOptions } from './http-client.ts'
import { checkOutput, writeOutput } from './output-file.ts'
import { countUnstored } from './unstored.ts'

interface ExportOptions extends HttpOptions {
  readonly room?: string
  readonly filter?: string
  readonly from?: string
  readonly to?: string
  readonly format: 'ndjson' | 'parquet'
  readonly output: string
  readonly force?: boolean
}

/** A Parquet file is written whole before it is sent. */
const TIMEOUT_MS = 3_600_000

export function addExport (program: Command): void {
  const command = program.command('export')
    .description('write what is stored as lines of JSON, or as a Parquet file: of the running server, or of the data directory of a stopped one')
    .option('--room <room>', 'only of this room')
    .option('--filter <filter>', 'only what this topic filter matches; with --room it may stand inside of the room, as in telemetry/#')
    .option('--from <time>', 'only from this time on: 2026-11-24T10:00:00Z, 2026-11-24, or milliseconds since 1970')
    .option('--to <time>', 'only before this time')
    .addOption(new Option('--format <format>', 'what to write').choices(['ndjson', 'parquet']).default('ndjson'))
    .option('--output <file>', 'file to write, - for standard output', '-')
    .option('--force', 'replace the file if it is there')
    .addHelpText('after', `
Example: foyer export --room lobby --filter 'telemetry/#' --output lobby.ndjson
         foyer export --format parquet --from 2026-11-01 --output november.parquet`)
  addHttpOptions(command).action(run)
}

async function run ({ room, filter, from, to, format, output, force = false, ...options }: ExportOptions): Promise<void> {
  if (output === '-' && format === 'parquet' && process.stdout.isTTY) throw new CommandError('a Parquet file is nothing to read on a screen: name a file with --output, as in --output history.parquet')
  if (output !== '-') await checkOutput(output, force)
  const wish = new Map(Object.entries({ room, filter, from, to, format }).filter((entry): entry is [string, string] => entry[1] !== undefined))
  const { content, close } = await open(wish, options)
  const counter = new Counter()
  try {
    if (output === '-') await pipeline(content, counter, process.stdout, { end: false })
    else await writeOutput(output, [content, counter], force)
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError(`the export ended early: ${reasonOf(error as NodeJS.ErrnoException)}. ${output === '-' ? 'What was written is incomplete' : `${output} was not written`}`, { cause: error })
  } finally {
    content.destroy()
    await close()
  }
  if (output !== '-') console.error(`exported: ${format === 'ndjson' ? `${counter.lines} messages` : `${counter.bytes} bytes`} to ${output}`)
}

/** The export as it comes, and how to end it. */
interface Opened {
  readonly content: Readable
  close (): Promise<void>
}

async function open (wish: ReadonlyMap<string, string>, options: HttpOptions): Promise<Opened> {
  const config = readClientConfiguration(options)
  // A folder that no server holds is what was asked for: a server that listens might be another one.
  const directory = options.url === undefined ? holdIfFree(config.dataDir) : null
  if (directory !== null) return await openFolder(config, directory, wish)
  return { content: await download(options, `/api/export?${new URLSearchParams([...wish]).toString().replaceAll('+', '%20')}`, TIMEOUT_MS), close: async () => {} }
}

async function openFolder ({ dataDir, limits }: Config, directory: DataDirectory, wish: ReadonlyMap<string, string>): Promise<Opened> {
  // Also when whoever reads our output has enough.
  process.once('exit', () => { directory.close() })
  // As with `serve`, the other commands should not wait for these.
  const [{ openDuckdbStore }, { openExport }, { parseExportQuery }, { exportFolder }] = await Promise.all([import('../bridge/store/duckdb/duckdb-store.ts'), import('../bridge/keeping/export.ts'), import('../bridge/keeping/export-query.ts'), import('../bridge/keeping/parquet.ts')])
  const query = parseExportQuery(wish)
  const store = await openDuckdbStore({ dataDir, readOnly: true, exportTo: [exportFolder(dataDir)], largest: limits.packetBytes })
  const close = async (): Promise<void> => {
    await store.close()
    directory.close()
  }
  try {
    await warnOfUnstored(dataDir, store.newestAtOpen)
    return { content: await openExport({ store, dataDir }, query), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The store of a server that was killed gets the rest at the next start. */
async function warnOfUnstored (dataDir: string, newest: number | null): Promise<void> {
  const count = await countUnstored(dataDir, newest)
  if (count > 0) console.error(`foyer: the export lacks ${count === 1 ? '1 message' : `${count} messages`} that the server acknowledged and did not store before it was killed: start it once, then export again`)
}

/** What has passed. */
class Counter extends Transform {
  bytes = 0
  lines = 0

  override _transform (chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.bytes += chunk.length
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) this.lines++
    done(null, chunk)
  }
}

function reasonOf ({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') return 'the server ended the connection; its log says why'
  return message
}
