import type { Command } from 'commander'
import { addConfigFlags, readConfiguration, type Options } from './configuration.ts'

export function addConfigCheck (config: Command): void {
  addConfigFlags(config.command('check').description('say everything that is wrong with the configuration; exit code 0 or 1'))
    .action((options: Options) => {
      const { warnings, sources } = readConfiguration(options)
      for (const warning of warnings) console.error(`warning: ${warning}`)
      console.log(`ok: ${sources.file ?? 'no file, only defaults, environment and flags'}`)
    })
}
