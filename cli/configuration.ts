import { Option, type Command } from 'commander'
import { keyList, type ListedKey } from '../config/key-list.ts'
import { loadConfig, type Loaded } from '../config/load.ts'
import type { Config } from '../config/schema.ts'

/** Options of a command, as commander collects them. */
export type Options = Readonly<Record<string, unknown>>

/** Gives a command `--config` and the named keys of the configuration as flags; without names, all that fit in one word. */
export function addConfigFlags (command: Command, names?: readonly string[]): Command {
  command.option('--config <file>', 'configuration file (default: foyer.config.yaml, if there is one)')
  for (const listed of keyList.values()) {
    if (listed.env === null || (names !== undefined && !names.includes(listed.name))) continue
    command.addOption(optionOf(listed))
  }
  return command
}

/** The sections that the help lists apart, since few need them. */
const APART = new Set(['auth', 'websocket', 'limits', 'queue', 'sessions', 'store'])

function optionOf ({ key, flag, path }: ListedKey): Option {
  // `--insecure` alone means yes.
  const option = new Option(typeof key.fallback === 'boolean' ? `${flag} [value]` : `${flag} <value>`, firstSentence(key.doc))
  const [section] = path
  return APART.has(section!) ? option.helpGroup(`${section}:`) : option
}

/** The rest is in docs/configuration.md. */
function firstSentence (doc: string): string {
  return doc.replace(/[.;:] .*$/s, '').replace(/\.$/, '')
}

/** `--data-dir` as commander calls it: `dataDir`. */
function attribute (flag: string): string {
  return flag.slice(2).replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase())
}

/** The configuration that flags, environment and file add up to. Throws a ConfigError. */
export function readConfiguration (options: Options): Loaded {
  return load(options, {})
}

/** The same for a command that listens nowhere, so that what may be listened on is not its concern. */
export function readClientConfiguration (options: Options): Config {
  return load(options, { insecure: true }).config
}

function load (options: Options, more: Options): Loaded {
  const flags: Record<string, unknown> = { ...more }
  for (const { name, flag } of keyList.values()) {
    const value = options[attribute(flag)]
    if (value !== undefined) flags[name] = value
  }
  const file = options.config ?? process.env.FOYER_CONFIG
  return loadConfig({ flags, env: process.env, file: typeof file === 'string' && file !== '' ? file : null, cwd: process.cwd() })
}
