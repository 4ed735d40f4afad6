import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { foyer, FOYER, run, Running, temporaryFolder } from '../helpers/cli-run.ts'
import { history, serve, serveWithSecret, start, token } from '../helpers/cli-serve.ts'
import { SECRET } from '../helpers/foyer.ts'
import { MqttClient } from '../helpers/mqtt-client.ts'
import { useTeardown } from '../helpers/teardown.ts'
import { until } from '../helpers/within.ts'

/** The line of the welcome that starts with a word, run as the tests run it. */
function line (welcome: string, word: string): string {
  const found = welcome.split('\n').find(text => text.startsWith(`${word} `))
  assert.ok(found, `the welcome has no line with ${word}`)
  return found.replaceAll(/npx foyer|\bfoyer(?= token)/g, () => FOYER.map(part => `'${part}'`).join(' '))
}

describe('foyer serve', function () {
  this.timeout(60_000)
  const t = useTeardown()

  describe('greets', () => {
    async function paste (welcome: string): Promise<void> {
      const shell = (text: string): string[] => ['sh', '-c', text]
      const watching = new Running(t, shell(line(welcome, 'mosquitto_sub').replace('mosquitto_sub', 'exec stdbuf -oL mosquitto_sub -d')))
      await watching.says(/Subscribed/)
      const spoken = await run(t, shell(line(welcome, 'mosquitto_pub')))
      assert.equal(spoken.code, 0, spoken.stderr)
      await watching.says(/^rooms\/lobby\/messages \{.*"sender":"bob"/m)
      assert.match(watching.stdout, /^rooms\/lobby\/messages .*"text":"hello"/m)
      const { stdout } = await run(t, shell(line(welcome, 'curl')))
      assert.equal((JSON.parse(stdout) as { messages: { sender: string }[] }).messages[0]?.sender, 'bob', stdout)
    }

    it('on the first start with lines that work when pasted, and later with shorter ones that work too', async () => {
      const first = await serve(t)
      assert.match(first.process.stdout, /valid for a day/)
      assert.equal(statSync(join(first.dataDir, 'secret')).mode & 0o777, 0o600)
      await paste(first.process.stdout)
      assert.equal((await first.process.stop()).code, 0)

      const second = await serve(t, { dataDir: first.dataDir })
      assert.ok(second.process.stdout.length < first.process.stdout.length)
      assert.ok(!/eyJ/.test(second.process.stdout), 'a later start prints no token')
      await paste(second.process.stdout)
    })

    it('with lines that work for a data directory whose name has spaces and quotes', async () => {
      const dataDir = join(temporaryFolder(t), "it's data")
      const first = await serve(t, { dataDir })
      await first.process.stop()
      await paste((await serve(t, { dataDir })).process.stdout)
    })

    it('with token lines that take the configuration file along', async () => {
      const file = join(temporaryFolder(t), 'foyer.yaml')
      writeFileSync(file, `auth: { jwtSecret: "${SECRET}", issuer: ours, audience: here, roomsClaim: grants }\n`)
      await paste((await serve(t, { flags: ['--config', file] })).process.stdout)
    })
  })

  describe('does not start', () => {
    it('on a port that is taken: it names the port and the remedy', async () => {
      const other = net.createServer().listen(0, '127.0.0.1')
      t.after(() => other.close())
      await until(() => other.listening, 'listening')
      const { port } = other.address() as net.AddressInfo
      for (const [flag, env] of [['--mqtt-port', 'FOYER_MQTT_PORT'], ['--http-port', 'FOYER_HTTP_PORT']] as const) {
        const { process, dataDir } = start(t, { flags: [flag, String(port)] })
        const { code, stderr } = await process.ended
        assert.equal(code, 1)
        assert.match(stderr, new RegExp(`port ${port} .*in use.*${env}`))
        assert.ok(!existsSync(join(dataDir, 'lock')), 'the folder is free again')
      }
    })

    it('in a data directory that is in use: it names the process', async () => {
      const { process: { pid }, dataDir } = await serve(t)
      const second = await start(t, { dataDir }).process.ended
      assert.equal(second.code, 1)
      assert.match(second.stderr, new RegExp(`in use by the process ${pid}\\b.*--data-dir`))
      assert.equal(second.stdout, '')
    })

    it('in a data directory of a newer format', async () => {
      const dataDir = temporaryFolder(t)
      writeFileSync(join(dataDir, 'foyer.json'), '{"format":99}\n')
      const { code, stderr } = await start(t, { dataDir }).process.ended
      assert.equal(code, 1)
      assert.match(stderr, /newer Foyer \(format 99.*--data-dir/)
      assert.ok(!existsSync(join(dataDir, 'secret')) && !existsSync(join(dataDir, 'lock')), 'nothing was written to it')
    })

    it('where the data directory is no folder, or below a file', async () => {
      const file = join(temporaryFolder(t), 'file')
      writeFileSync(file, '')
      for (const dataDir of [file, join(file, 'data')]) {
        const { code, stderr } = await start(t, { dataDir }).process.ended
        assert.equal(code, 1)
        assert.match(stderr, /^foyer: the data directory .* can't be used: .*(not a folder).*FOYER_DATA_DIR\n$/)
      }
    })

    it('with a secret that others can read', async () => {
      const { process: first, dataDir } = await serve(t)
      await first.stop()
      chmodSync(join(dataDir, 'secret'), 0o644)
      const { code, stderr } = await start(t, { dataDir }).process.ended
      assert.equal(code, 1)
      assert.match(stderr, /secret can be read by others.*chmod 600/)
    })

    it('beyond this machine with a generated secret, unless --insecure says so', async () => {
      const dataDir = temporaryFolder(t)
      const { code, stderr } = await start(t, { dataDir, flags: ['--host', '0.0.0.0'] }).process.ended
      assert.equal(code, 1)
      assert.match(stderr, /--insecure/)
    })

    it('with faults in the configuration, all of which it lists', async () => {
      const file = join(temporaryFolder(t), 'foyer.yaml')
      writeFileSync(file, 'mqtt: { prot: 1884 }\nlog: { level: loud }\nchannels:\n  messages: { qos: 3 }\n')
      const { code, stderr, stdout } = await foyer(t, ['serve', '--config', file, '--data-dir', temporaryFolder(t), '--http-port', '99999'])
      assert.equal(code, 1)
      assert.equal(stdout, '')
      assert.match(stderr, /the configuration has 4 faults/)
      for (const path of ['mqtt.prot', 'log.level', 'channels.messages.qos', 'http.port']) assert.ok(stderr.includes(path), `${path} in ${stderr}`)
      assert.match(stderr, /mqtt\.port/, 'the nearest key')
    })
  })

  it('warns of unknown FOYER_ variables and runs', async () => {
    const { log } = await serve(t, { env: { FOYER_MQTT_PROT: '1884', FOYER_PORT: 'tcp://10.0.0.1:1883' } })
    const warnings = log().filter(({ level }) => level === 40).map(({ msg }) => String(msg))
    assert.ok(warnings.some(text => text.includes('FOYER_MQTT_PROT')), String(warnings))
    assert.ok(warnings.some(text => text.includes('FOYER_PORT') && /Kubernetes/i.test(text)), String(warnings))
  })

  it('takes over the lock of a process that was killed', async () => {
    const first = await serve(t)
    await first.process.stop('SIGKILL')
    assert.ok(existsSync(join(first.dataDir, 'lock')))
    const second = await serve(t, { dataDir: first.dataDir })
    assert.equal(readFileSync(join(second.dataDir, 'lock'), 'utf8').split(' ')[0], String(second.process.pid))
  })

  for (const before of ['nothing', 'a stale lock']) {
    it(`starts exactly once when several start at the same time, with ${before} there`, async () => {
      const dataDir = join(temporaryFolder(t), 'data')
      if (before === 'a stale lock') {
        mkdirSync(dataDir)
        writeFileSync(join(dataDir, 'lock'), '4194304 1\n')
      }
      const started = [1, 2, 3].map(() => start(t, { dataDir }).process)
      await until(() => started.filter(({ stdout }) => stdout !== '').length === 1 && started.filter(({ child }) => child.exitCode !== null).length === 2, 'one runs, two have ended', 30_000)
      for (const { child, stderr } of started.filter(({ child }) => child.exitCode !== null)) {
        assert.equal(child.exitCode, 1)
        assert.match(stderr, /the data directory .* (is in use by the process \d+|another Foyer starts)/)
      }
    })
  }

  it('stores what it accepted when SIGTERM ends it, with exit code 0', async () => {
    const first = await serveWithSecret(t)
    const client = await MqttClient.connect(t, { port: first.ports.mqtt, username: 'x', password: Buffer.from(token('bob')) })
    for (let i = 1; i <= 200; i++) client.publish('rooms/lobby/messages', String(i), { qos: 1, messageId: i })
    await client.find(packet => packet.cmd === 'puback' && packet.messageId === 200, 'the last PUBACK')
    const { code } = await first.process.stop()
    assert.equal(code, 0)
    assert.ok(!existsSync(join(first.dataDir, 'lock')))
    const second = await serveWithSecret(t, { dataDir: first.dataDir })
    const values = (await history(second.ports.http, token('ann'), 'lobby', '?filter=messages&limit=1000')).map(({ payload }) => (payload as { value: number }).value)
    assert.deepEqual(values, Array.from({ length: 200 }, (_, i) => 200 - i))
  })

  it('exits at once on a second signal', async () => {
    const { process } = await serve(t)
    // Both are pending before it wakes up: two that are equal would become one.
    process.child.kill('SIGSTOP')
    process.child.kill('SIGINT')
    process.child.kill('SIGTERM')
    process.child.kill('SIGCONT')
    const { code } = await process.ended
    assert.equal(code, 1)
  })
})
