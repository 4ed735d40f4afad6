import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { parse } from 'yaml'
import { loadConfig } from '../../config/load.ts'
import { useTeardown } from '../helpers/teardown.ts'

interface Service {
  readonly environment: Record<string, string>
  readonly command?: string[]
  readonly volumes: string[]
  readonly ports: string[]
}

const root = join(import.meta.dirname, '../..')
const { services, volumes } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')) as { services: Record<'foyer' | 'edge', Service>, volumes: Record<string, null> }

describe('docker-compose.yml', () => {
  const t = useTeardown()

  it('gives Foyer a configuration that it accepts without a warning', () => {
    const { config, warnings } = loadConfig({ flags: {}, env: services.foyer.environment, file: null, cwd: tmpdir() })
    assert.deepEqual([config.host, config.dataDir, config.insecure], ['0.0.0.0', '/data', true])
    assert.deepEqual(warnings.filter(warning => warning.includes('FOYER_')), [])
  })

  it('opens ports to its own machine alone, and declares the volumes that it uses', () => {
    for (const { ports, volumes: used } of Object.values(services)) {
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/)
      for (const volume of used) assert.ok(volume.startsWith('./') || volume.split(':')[0]! in volumes, volume)
    }
  })

  it('turns mosquitto.conf into that of the edge: its addresses, its token, a queue on disk', () => {
    const folder = mkdtempSync(join(tmpdir(), 'foyer-compose-'))
    t.after(() => { rmSync(folder, { recursive: true }) })
    const [shell, flag, script] = services.edge.command!
    const here = script!.replaceAll('$$', '$').replaceAll('/etc/foyer/edge.conf', join(root, 'mosquitto.conf')).replaceAll('/tmp/edge.conf', join(folder, 'edge.conf')).replace('exec mosquitto -c', 'exec cat')
    const { status, stdout, stderr } = spawnSync(shell!, [flag!, here], { env: { ...process.env, EDGE_TOKEN: 'aa.b-b.c_c' }, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const settings = stdout.split('\n').filter(line => line !== '' && !line.startsWith('#'))
    for (const setting of ['listener 1884', 'address foyer:1883', 'remote_password aa.b-b.c_c', 'persistence true', 'persistence_location /mosquitto/data/']) {
      assert.ok(settings.includes(setting), `${setting} is not in\n${stdout}`)
    }
  })
})
