import type { Channel } from '../protocol/channel.ts'
import { CHANNEL_DEFAULTS, DEFAULT_CHANNELS } from '../protocol/default-channels.ts'
import { channelKeys } from './channel-keys.ts'
import { isKey } from './key.ts'
import type { Key } from './key.ts'
import { keyList } from './key-list.ts'
import { port } from './kinds.ts'
import { roomKeys } from './rooms-kind.ts'
import { declarations } from './schema.ts'
import { userKeys } from './user-keys.ts'

const introduction = `# Configuration

<!-- Written by \`foyer config docs > docs/configuration.md\` from the declarations in config/. Don't edit it here. -->

Foyer runs without any configuration: MQTT on 127.0.0.1:1883, HTTP, WebSocket and web page on 127.0.0.1:8080, data in \`./data\`.

A value comes from the first of these that has it:

1. a flag of the command, named after the environment name: \`--mqtt-port 1884\` for \`FOYER_MQTT_PORT\`;
2. the environment; an empty variable counts as unset;
3. the file: \`foyer.config.yaml\` in the working directory, or the one that \`--config\` names;
4. the default.

\`\`\`yaml
# foyer.config.yaml
mqtt:
  port: 1883
auth:
  users:
    - { name: sensor-7, hash: scrypt$16384$8$1$c2FsdHNhbHRzYWx0$..., rooms: { kitchen: device } }
channels:
  notes: { topic: "rooms/{room}/notes", qos: 1 }
  live: off
rooms:
  acme.*: { retention: 30d }
\`\`\`

\`foyer config check\` reports everything that is wrong at once, each with its place and what to do. Keys that don't exist, and keys that are written twice, are faults. Variables \`FOYER_*\` that don't exist only warn.

Durations have a unit: \`500ms\`, \`30s\`, \`10m\`, \`24h\`, \`7d\`. Sizes are bytes, or \`64KiB\`, \`1MiB\`, \`1GiB\`. Relative paths start at the working directory.
`

/** The page docs/configuration.md, from the declarations. */
export function configReference (): string {
  const parts = [introduction, '## General\n', keyTable([])]
  for (const [name, entry] of Object.entries(declarations)) {
    if (isKey(entry)) continue
    parts.push(`## ${name}\n`, `${entry.doc}\n`, keyTable([name]))
    if (name === 'auth') parts.push('### A user of `auth.users`\n', recordTable(userKeys, written))
  }
  parts.push(
    '## channels\n',
    `${declarations.channels.doc}\n`,
    'What a new channel leaves out is as the column "Default" says; what is left out of a default channel stays as in the table after it. A topic belongs to the first channel that it fits; a topic outside every channel is refused.\n',
    recordTable(channelKeys, (name) => name === 'topic' ? 'required' : written(name, CHANNEL_DEFAULTS[name as keyof typeof CHANNEL_DEFAULTS])),
    '### The default channels\n',
    channelTable(DEFAULT_CHANNELS),
    '## rooms\n',
    `${declarations.rooms.doc}\n`,
    recordTable(roomKeys, written)
  )
  return parts.join('\n')
}

function keyTable (section: readonly string[]): string {
  const listed = [...keyList.values()].filter(({ path }) => path.length === section.length + 1 && section.every((step, i) => path[i] === step))
  return table(['Key', 'Environment', 'Default', 'Value', 'What it does'], listed.map(({ name, env, key }) => [
    code(name), env === null ? 'file only' : code(env), key.fallback === null && key.kind === port ? code('off') : written(name, key.fallback), brief(key.kind.expects), key.doc
  ]))
}

function recordTable (keys: Readonly<Record<string, Key<unknown>>>, fallback: (name: string, declared: unknown) => string): string {
  return table(['Key', 'Default', 'Value', 'What it does'], Object.entries(keys).map(([name, { kind, fallback: declared, doc }]) => [code(name), fallback(name, declared), brief(kind.expects), doc]))
}

function channelTable (channels: readonly Channel[]): string {
  const fields = Object.keys(channelKeys).filter((name) => channels.some((channel) => channel[name as keyof Channel] !== null)) as (keyof Channel)[]
  return table(['Name', ...fields], channels.map((channel) => [code(channel.name), ...fields.map((field) => cell(channel[field]))]))
}

function table (head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |\n`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('')
}

/** Without the examples, which the introduction has. */
const brief = (expects: string): string => expects.replace(/, such as .*$/, '')

const code = (text: string): string => `\`${text}\``

/** A default as one would write it in the file. */
function written (_name: string, fallback: unknown): string {
  if (fallback === undefined) return 'required'
  if (fallback === null) return 'unset'
  if (typeof fallback === 'boolean') return code(String(fallback))
  return typeof fallback === 'object' && !Array.isArray(fallback) ? 'none' : cell(fallback)
}

function cell (value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(String).map(code).join(', ')
  return code(String(value))
}
