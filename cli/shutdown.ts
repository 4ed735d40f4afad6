import type { Logger } from 'pino'

/** The first signal ends in order, with exit code 0; the second at once. */
export function endOnSignals (close: () => Promise<void>, logger: Logger): void {
  let ending = false
  const end = (signal: NodeJS.Signals): void => {
    if (ending) process.exit(1)
    ending = true
    logger.info({ signal }, 'stopping; once more to stop at once')
    close().then(() => process.exit(0), (error: unknown) => {
      logger.error({ err: error }, 'could not stop in order')
      process.exit(1)
    })
  }
  process.on('SIGINT', end).on('SIGTERM', end)
}

/** After an error that nobody expected nothing can be promised any more: a supervisor starts anew. */
export function endOnCrash (logger: Logger): void {
  const crash = (error: unknown): void => {
    logger.fatal({ err: error }, 'an error that nobody handled; please report it')
    process.exit(1)
  }
  process.on('uncaughtException', crash).on('unhandledRejection', crash)
}
