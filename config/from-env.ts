import type { Fault } from './fault.ts'
import { keyList } from './key-list.ts'
import { nearest } from './nearest.ts'
import { written } from './written.ts'
import type { Layer } from './written.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Read by the commands and the test suite rather than by the configuration. */
const readElsewhere = new Set(['FOYER_CONFIG', 'FOYER_TOKEN', 'FOYER_TEST_LONG'])

/** Kubernetes gives every pod the addresses of a service `foyer` as FOYER_PORT=tcp://..., FOYER_SERVICE_HOST and so on. */
const serviceLinkName = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$/
const serviceLinkValue = /^(tcp|udp|sctp):\/\//
const serviceLinkRemedy = 'set enableServiceLinks: false in the pod, or rename the service'

export interface EnvLayer {
  readonly layer: Layer
  readonly faults: readonly Fault[]
  readonly warnings: readonly string[]
}

/** Reads every `FOYER_*` variable. An empty one counts as unset: that is what compose files and scripts make of a missing value. */
export function fromEnv (env: Environment): EnvLayer {
  const known = new Map([...keyList.values()].filter((listed) => listed.env !== null).map((listed) => [listed.env!, listed]))
  const layer = new Map<string, ReturnType<typeof written>>()
  const faults: Fault[] = []
  const links: string[] = []
  const warnings: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('FOYER_') || value === undefined || value === '' || readElsewhere.has(name)) continue
    const listed = known.get(name)
    if (listed !== undefined && name.endsWith('_PORT') && serviceLinkValue.test(value)) {
      faults.push({ path: listed.name, message: 'was set by Kubernetes as a service link, not by a person', remedy: serviceLinkRemedy, source: name })
    } else if (listed !== undefined) {
      layer.set(listed.name, written(listed.key.kind.fromText!(listed.key.secret ? value : value.trim()), name))
    } else if (serviceLinkName.test(name) || serviceLinkValue.test(value)) {
      links.push(name)
    } else {
      const like = nearest(name, known.keys())
      warnings.push(`${name} is not a variable that Foyer knows${like === null ? '' : `: did you mean ${like}?`}`)
    }
  }
  if (links.length > 0) warnings.push(`${links.join(', ')}: Kubernetes service links (tcp://...) of a service whose name starts with foyer, ignored; to be rid of them ${serviceLinkRemedy}`)
  return { layer, faults, warnings }
}
