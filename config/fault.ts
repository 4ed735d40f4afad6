/** Something wrong with the configuration, complete enough to be corrected without asking. */
export interface Fault {
  /** The key, `auth.users[0].hash`; the file itself where no key is to blame. */
  readonly path: string
  readonly message: string
  readonly remedy: string
  /** Where it was written: `foyer.config.yaml:12`, `FOYER_MQTT_PORT`, `--mqtt-port`, `default`. */
  readonly source: string
}

/** Everything that is wrong with a configuration, at once: nobody should have to start a server eight times to find eight slips. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[]

  constructor (faults: readonly Fault[]) {
    super(faults.map(line).join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** One line for each fault. */
export function formatFaults (error: ConfigError): string {
  return error.faults.map(line).join('\n')
}

function line ({ path, message, source, remedy }: Fault): string {
  return `${path}: ${message} (${source}). ${remedy}`
}

/** `['auth', 'users', 0, 'hash']` as `auth.users[0].hash`; names that would be misread are quoted. */
export function pathName (path: readonly (string | number)[]): string {
  if (path.length === 1 && /^[\w.-]{1,100}$/.test(String(path[0]))) return String(path[0])
  return path.map((step, i) => {
    if (typeof step === 'number') return `[${step}]`
    if (!/^[\w$*~@/+-]{1,100}$/.test(step)) return `[${JSON.stringify(step.slice(0, 100))}]`
    return i === 0 ? step : `.${step}`
  }).join('')
}
