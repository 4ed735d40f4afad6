import { join } from 'node:path'
import type { Command } from 'commander'
import type { Verification } from '../bridge/verify/verification.ts'
import type { Config } from '../config/schema.ts'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { holdDataDirectory } from './data-directory.ts'
import { describeVerification } from './verify-report.ts'

interface VerifyOptions extends Options {
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

async function run ({ json, ...options }: VerifyOptions): Promise<void> {
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

/** For who holds the data directory. */
export async function verifyDirectory ({ dataDir, channels }: Pick<Config, 'dataDir' | 'channels'>): Promise<Verification> {
  // As with `serve`, the other commands should not wait for these.
  const [{ inspectJournal }, { openDuckdbStore }, { verify }] = await Promise.all([import('../broker/index.ts'), import('../bridge/store/duckdb/duckdb-store.ts'), import('../bridge/verify/verify.ts')])
  const fleeting = new Set(channels.filter(({ durability }) => durability !== 'disk').map(({ name }) => name))
  const store = await openDuckdbStore({ dataDir, readOnly: true })
  try {
    return await verify({ files: inspectJournal(join(dataDir, 'journal')), store, isDurable: channel => !fleeting.has(channel) })
  } finally {
    await store.close()
  }
}
