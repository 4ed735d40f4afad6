import { Running, run, type Ended } from './cli-run.ts'
import type { Teardown } from './teardown.ts'

export interface MosquittoOptions {
  readonly port: number
  readonly token: string
  /** Of -V. */
  readonly version?: 'mqttv31' | '311' | '5'
  readonly qos?: 0 | 1 | 2
  /** Of mosquitto_pub. */
  readonly retain?: boolean
  /** Certificate to trust; turns TLS on. */
  readonly cafile?: string
}

function common ({ port, token, version = '311', qos = 1, cafile }: MosquittoOptions): string[] {
  return ['-h', cafile === undefined ? '127.0.0.1' : 'localhost', '-p', String(port), '-V', version, '-q', String(qos), '-u', 'x', '-P', token, ...(cafile === undefined ? [] : ['--cafile', cafile])]
}

/** `mosquitto_sub`, subscribed; it prints `topic payload` lines. */
export async function mosquittoSub (t: Teardown, filters: readonly string[], options: MosquittoOptions): Promise<Running> {
  // Debug output is the only sign of a SUBACK; it is line-buffered into a pipe only by stdbuf.
  const running = new Running(t, ['stdbuf', '-oL', 'mosquitto_sub', ...common(options), '-v', '-d', ...filters.flatMap(filter => ['-t', filter])])
  await running.says(/Subscribed \(mid: \d+\)/)
  return running
}

/** `mosquitto_pub` of one message, to its end. */
export async function mosquittoPub (t: Teardown, topic: string, message: string, options: MosquittoOptions): Promise<Ended> {
  return await run(t, ['mosquitto_pub', ...common(options), '-t', topic, '-m', message, ...options.retain === true ? ['-r'] : []])
}
