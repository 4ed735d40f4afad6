import type { Command } from 'commander'
import type { Config } from '../config/schema.ts'
import { addConfigFlags, readClientConfiguration, type Options } from './configuration.ts'
import { examineDisk } from './doctor/disk.ts'
import { describeFinding, type Finding } from './doctor/finding.ts'
import { judgeClock, judgeNode, judgeOpenFiles, newestWrite, openFileLimit } from './doctor/machine.ts'
import { proveSurvival } from './doctor/survival.ts'

export function addDoctor (program: Command): void {
  const command = program.command('doctor')
    .description('check this machine, and prove with a server in a scratch folder that what is acknowledged survives a kill; exit code 0 or 1')
    .addHelpText('after', `
Example: foyer doctor
         foyer doctor --data-dir /var/lib/foyer

It takes some seconds, may run beside a server, and leaves nothing behind.`)
  addConfigFlags(command, ['dataDir']).action(doctor)
}

async function doctor (options: Options): Promise<void> {
  const config = readClientConfiguration(options)
  // Without these a signal would end the process with its scratch folder and server left behind.
  for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15], ['SIGHUP', 1]] as const) process.once(signal, () => process.exit(128 + number))
  let failures = 0
  for await (const finding of examine(config)) {
    console.log(describeFinding(finding))
    if (finding.status === 'fail') failures++
  }
  console.log(failures === 0 ? '\nok: Foyer keeps its promises here' : `\nfailed: ${failures} of the checks`)
  if (failures > 0) process.exitCode = 1
}

async function * examine ({ dataDir, limits, journal }: Config): AsyncGenerator<Finding> {
  yield judgeNode(process.versions.node)
  yield * examineDisk(dataDir, journal.maxBytes)
  yield judgeOpenFiles(openFileLimit(), limits.connections)
  yield judgeClock(Date.now(), newestWrite(dataDir))
  yield * proveSurvival()
}
