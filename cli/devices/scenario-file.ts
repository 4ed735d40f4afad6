import { readFileSync } from 'node:fs'
import { ConfigError, formatFaults, pathName } from '../../config/fault.ts'
import { parseYaml } from '../../config/parse-yaml.ts'
import { defaultScenario, readScenario, type Scenario, type ScenarioFault } from '../../devices/index.ts'
import { reasonOf } from '../data-directory.ts'
import { CommandError } from '../fail.ts'

/** The scenario of a YAML file, or the default one. Throws a CommandError with one line for each fault. */
export function loadScenario (file: string | undefined): Scenario {
  if (file === undefined) return readScenario(defaultScenario) as Scenario
  const { value, sourceOf, faults } = parseYaml(read(file), file)
  const scenario = faults.length > 0 ? [] : readScenario(value)
  if ('devices' in scenario) return scenario
  const own = scenario.map(({ path, message, remedy }: ScenarioFault) => ({ path: path.length === 0 ? 'the scenario' : pathName(path), message, remedy, source: sourceOf(path) }))
  throw new CommandError(`the scenario can't be played:\n${formatFaults(new ConfigError([...faults, ...own]))}`)
}

function read (file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    throw new CommandError(`the scenario ${file} can't be read: ${cause.code === 'ENOENT' ? 'there is no such file' : cause.code === 'EISDIR' ? 'it is a folder' : cause.code === 'EACCES' ? 'this user may not' : reasonOf(cause)}`, { cause })
  }
}
