import type { Logger } from 'pino'
import { isLoopback } from '../config/loopback.ts'
import type { Config } from '../config/schema.ts'
import { CommandError } from './fail.ts'

/** A secret that lies beside the data, and that nobody chose, is meant for trying things out on one machine. */
export function guardExposure ({ host, insecure }: Config, isGenerated: boolean, logger: Logger): void {
  if (isLoopback(host) || !isGenerated) return
  if (!insecure) throw new CommandError(`host ${host} is beyond this machine, and tokens are signed with the generated secret. Set a secret of your own (FOYER_JWT_SECRET), or say --insecure`)
  logger.warn({ host }, `INSECURE: ${host} is reachable from other machines, and tokens are signed with the generated secret of the data directory; set FOYER_JWT_SECRET before this is more than a trial`)
}
