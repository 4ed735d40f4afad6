// Runs the checks that are not tests, all of them even when one fails: `npm run check`, or some by name.
import { spawnSync } from 'node:child_process'

const CHECKS = new Map([
  ['types', ['tsc', '-p', 'tsconfig.json']],
  // Once more as a browser sees it, without Node.
  ['client-types', ['tsc', '-p', 'tsconfig.client.json']],
  ['web-types', ['tsc', '-p', 'bridge/web/tsconfig.json']],
  ['lint', ['eslint', '.', '--max-warnings', '0']],
  ['boundaries', ['depcruise', 'protocol', 'config', 'broker', 'bridge', 'client', 'devices', 'cli', 'test', 'bench', 'scripts']],
  ['unused', ['knip']],
  // Reads what the tests left in coverage/raw; so it is not part of `npm run check`.
  ['coverage', ['c8', 'report', '--check-coverage']]
])

const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...CHECKS.keys()].filter((name) => name !== 'coverage')
const failed = wanted.filter((name) => {
  const command = CHECKS.get(name)
  if (command === undefined) throw new Error(`there is no check ${name}: there are ${[...CHECKS.keys()].join(', ')}`)
  console.log(`check ${name}: ${command.join(' ')}`)
  return spawnSync('npx', ['--no-install', ...command], { stdio: 'inherit' }).status !== 0
})
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
} else {
  console.log(`passed: ${wanted.join(', ')}`)
}
