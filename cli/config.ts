import type { Command } from 'commander'
import { addConfigCheck } from './config-check.ts'
import { addConfigDocs } from './config-docs.ts'
import { addConfigHash } from './config-hash.ts'

export function addConfig (program: Command): void {
  const config = program.command('config').description('check and explain the configuration')
  addConfigCheck(config)
  addConfigDocs(config)
  addConfigHash(config)
}
