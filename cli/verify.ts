import { join } from 'node:path'
import type { Command } from 'commander'
import { pino } from 'pino'
import type { Store } from '../bridge/store/store.ts'
import type { Verification } from '../bridge/verify/verification.ts'
import type { VerifyOptions } from '../bridge/verify/verify.ts'
import type { Config } from '../config/schema.ts'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { holdDataDirectory } from './data-directory.ts'
import { describeVerification } from './verify-report.ts'

interface VerifyFlags extends Options {
  readonly json?: boolean
}

export function addVerify (program: Command): void {
  const command = program.command('verify')
    .description('compare the journal of a stopped server with its store, message by message; exit code 0 or 1')
    .option('--json', 'print what was found as JSON')
    .addHelpText('after', `
Example: foyer verify
         foyer verify --data-dir /var/lib/foyer --json

It changes nothing. Stop the server first, or verify a copy of its data directory.`)
  addConfigFlags(command, ['dataDir']).action(run)
}

async function run ({ json, ...options }: VerifyFlags): Promise<void> {
  const config = readClientConfiguration(options)
  const directory = holdDataDirectory(config.dataDir)
  try {
    const verification = await verifyDirectory(config)
    if (json === true) console.log(JSON.stringify({ dataDir: config.dataDir, ok: verification.problems.length === 0, ...verification }, null, 2))
    else process.stdout.write(describeVerification(config.dataDir, verification))
    if (verification.problems.length > 0) process.exitCode = 1
    if (json !== true) for (const problem of verification.problems) console.error(`foyer: ${problem}`)
  } finally {
    directory.close()
  }
}

/** Of a server; the embedded store unless it says otherwise. */
type Directory = Pick<Config, 'dataDir' | 'channels'> & Partial<Pick<Config, 'store' | 'influx'>>

/** For who holds the data directory. */
export async function verifyDirectory ({ dataDir, channels, ...where }: Directory): Promise<Verification> {
  // As with `serve`, the other commands should not wait for these.
  const [{ inspectJournal }, { verify }] = await Promise.all([import('../broker/index.ts'), import('../bridge/verify/verify.ts')])
  const fleeting = new Set(channels.filter(({ durability }) => durability !== 'disk').map(({ name }) => name))
  const store = await openToLook({ dataDir, ...where })
  try {
    return await verify({ files: inspectJournal(join(dataDir, 'journal')), store, isDurable: channel => !fleeting.has(channel) })
  } finally {
    await store.close()
  }
}

/** The store that answers, without changing anything. */
async function openToLook ({ dataDir, store, influx }: Omit<Directory, 'channels'>): Promise<VerifyOptions['store'] & Pick<Store, 'close'>> {
  if (store?.embedded !== false || influx?.url == null) {
    const { openDuckdbStore } = await import('../bridge/store/duckdb/duckdb-store.ts')
    return await openDuckdbStore({ dataDir, readOnly: true })
  }
  const { openInfluxStore } = await import('../bridge/store/influx/influx-store.ts')
  const opened = await openInfluxStore({ influx: { ...influx, url: influx.url }, dataDir, logger: pino({ level: 'silent' }), readOnly: true })
  const fault = opened.fault()
  if (fault === null) return { ...opened, removals: [], erasures: [] }
  await opened.close()
  // One that does not answer is not an empty one.
  throw new Error(fault)
}
