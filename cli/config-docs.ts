import type { Command } from 'commander'
import { configReference } from '../config/reference.ts'

export function addConfigDocs (config: Command): void {
  config.command('docs')
    .description('print the reference of all keys, as Markdown')
    .action(() => { process.stdout.write(configReference()) })
}
