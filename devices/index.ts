/** Simulated devices: what they measure, how they obey, and a fleet of them in one process. */
export { defaultScenario } from './default-scenario.ts'
export { Fleet } from './fleet.ts'
export type { Counters } from './fleet.ts'
export { readScenario, scaled, MOST_DEVICES } from './scenario.ts'
export type { Entry, Scenario, ScenarioFault } from './scenario.ts'
