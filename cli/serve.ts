import type { Command } from 'commander'
import { addConfigFlags, type Options } from './configuration.ts'

export function addServe (program: Command): void {
  addConfigFlags(program.command('serve').description('run the server until it is stopped by SIGINT or SIGTERM'))
    .addHelpText('after', `
Every flag is also an environment variable (--mqtt-port is FOYER_MQTT_PORT) and a key of the configuration file; more on
each: foyer config docs.`)
    .action(async (options: Options) => {
      // Broker, HTTP and store take a second to load, and the other commands should not wait for them.
      const { serve } = await import('./server.ts')
      await serve(options)
    })
}
