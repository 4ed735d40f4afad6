import { multistream, pino, type Logger } from 'pino'
import { createBridge, RecentLog } from '../bridge/index.ts'
import { createAuthenticator, createBroker } from '../broker/index.ts'
import type { Config } from '../config/schema.ts'
import { readConfiguration, type Options } from './configuration.ts'
import { openDataDirectory } from './data-directory.ts'
import { guardExposure } from './exposure.ts'
import { mint } from './mint.ts'
import { createSecret, findSecret, forgetSecret, signedElsewhere, type Secret } from './secret.ts'
import { endOnCrash, endOnSignals } from './shutdown.ts'
import { version } from './version.ts'
import { welcome } from './welcome.ts'

/** The server, from its configuration to its ports. */
export async function serve (options: Options): Promise<void> {
  const { config, warnings, sources } = readConfiguration(options)
  const recentLog = new RecentLog()
  const logger = pino({ level: config.log.level, base: null }, multistream([{ level: 'trace', stream: pino.destination({ dest: 2, sync: true }) }, { level: 'error', stream: recentLog }]))
  endOnCrash(logger)
  for (const warning of warnings) logger.warn(warning)

  const directory = openDataDirectory(config.dataDir)
  process.once('exit', () => { directory.close() })
  const secret = openSecret(config, logger)
  const server = await start(config, secret, logger, recentLog).catch((error: unknown) => {
    if (secret?.created === true) forgetSecret(config)
    directory.close()
    throw error
  })

  endOnSignals(server.close, logger)
  greet(welcome({ version, config, ports: server.ports, secret, configFile: sources.file }))
  logger.info({ version, ...server.ports, dataDir: config.dataDir }, 'ready')
}

function openSecret (config: Config, logger: Logger): Secret | null {
  const found = findSecret(config)
  const creates = found === null && !signedElsewhere(config)
  guardExposure(config, creates || found?.generated === true, logger)
  return creates ? createSecret(config) : found
}

async function start (config: Config, secret: Secret | null, logger: Logger, recentLog: RecentLog) {
  const authenticator = createAuthenticator({ ...config.auth, jwtSecret: secret?.secret ?? null })
  const broker = await createBroker({ config, logger, authenticator })
  const bridge = await createBridge({ config, broker, logger, version, recentLog, mint: secret === null ? null : wish => mint(config, secret.secret, wish) }).catch(async (error: unknown) => {
    await broker.close()
    throw error
  })
  const close = async (): Promise<void> => {
    // Wills of the connections that end now are still stored.
    await broker.stop()
    await bridge.close()
    await broker.close()
  }
  try {
    const { mqtt, mqtts } = await broker.listen()
    const { http, https } = await bridge.listen({ mqtt, mqtts })
    return { close, ports: { mqtt: mqtt?.port ?? null, mqtts: mqtts?.port ?? null, http: http?.port ?? null, https: https?.port ?? null } }
  } catch (error) {
    await close()
    throw error
  }
}

/** Whether somebody reads it or not: `foyer serve | head -3` must not end the server. */
function greet (text: string): void {
  process.stdout.removeAllListeners('error').on('error', () => {})
  process.stdout.write(text)
}
