import { errors, type ErrorCode, type ErrorEntry } from '../protocol/errors.ts'

// docs/errors.md, from the table: node --import=ts-blank-space/register scripts/errors-page.ts > docs/errors.md

const KINDS: ReadonlyMap<ErrorEntry['kind'], { title: string, text: string }> = new Map([
  ['refused', { title: 'Refused', text: 'Will never pass as it is. MQTT 5 gets the reason code in PUBACK, PUBREC or SUBACK; before MQTT 5 a publish is acknowledged and dropped, a subscription gets 0x80. The connection stays open, and `$me/errors` says why.' }],
  ['not-now', { title: 'Not now', text: 'May pass later. MQTT 5 gets the reason code; before MQTT 5 there is no acknowledgement and the connection is closed, so that the client sends again.' }],
  ['connect', { title: 'Connections refused', text: 'In CONNACK, and in the log with the remedy; `foyer explain connect` says the same.' }],
  ['closed', { title: 'Connections closed', text: 'MQTT 5 gets the reason code in DISCONNECT. Every client that returns within an hour with the same user and client id, and subscribes to `$me/errors`, reads why.' }],
  ['http', { title: 'HTTP only', text: 'In the `code` of the problem.' }]
])

/** The page, one section per code. */
export function errorsPage (): string {
  const parts = ['# Errors', 'Every no of Foyer has a code; it is the same in MQTT, in HTTP (`code` of the problem), in the log and in `foyer explain`. This page is generated from the table in `protocol/errors.ts`.']
  for (const [kind, { title, text }] of KINDS) {
    parts.push(`## ${title}`, text)
    for (const [code, entry] of errors) if (entry.kind === kind) parts.push(...section(code, entry))
  }
  return parts.join('\n\n') + '\n'
}

function section (code: ErrorCode, { sentence, remedy, reasonCode, returnCode, status }: ErrorEntry): string[] {
  const seen = [`MQTT 5: 0x${reasonCode.toString(16).padStart(2, '0')}`, ...(returnCode === undefined ? [] : [`CONNACK before MQTT 5: ${returnCode}`]), `HTTP: ${status}`]
  return [`### ${code}`, `${capital(sentence)}. ${capital(remedy)}.`, seen.join(' · ')]
}

function capital (text: string): string {
  return text[0] === '`' ? text : text[0]!.toUpperCase() + text.slice(1)
}

if (import.meta.url === `file://${process.argv[1]}`) process.stdout.write(errorsPage())
