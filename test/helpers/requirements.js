// Runs before the tests: finds the programs that they talk to, and installs what is missing where it can.
// Plain JavaScript, so that it runs before anything was built. Nothing is skipped silently: without these, no tests.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs by the Debian package that has them. */
const PACKAGES = new Map([
  ['mosquitto', 'mosquitto'],
  ['mosquitto_pub', 'mosquitto-clients'],
  ['mosquitto_sub', 'mosquitto-clients'],
  ['chromium', 'chromium'],
  ['openssl', 'openssl'],
  ['faketime', 'faketime'],
  ['promtool', 'prometheus'],
  ['influxd', 'influxdb']
])

/** Modules of the system's Python, likewise: where Debian puts what its packages bring. */
const MODULES = new Map([['paho.mqtt.client', 'python3-paho-mqtt']])
const PYTHON = '/usr/bin/python3'

/** Folders of system programs, which Debian leaves out of the PATH of ordinary users. */
const ALSO = ['/usr/sbin', '/usr/local/sbin']

// Some packages start a server, mosquitto one on port 1883: policy-rc.d is Debian's way to keep an installation from
// starting services. An existing policy is left as it is.
const INSTALL = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
for package in "$@"; do
  case "$package" in mosquitto|prometheus|influxdb)
    if command -v systemctl > /dev/null; then systemctl disable "$package.service" || true; fi
  esac
done
`

function missing () {
  return [
    ...[...PACKAGES.keys()].filter((program) => !find(program)),
    ...[...MODULES.keys()].filter((module) => !works(PYTHON, '-c', `import ${module}`))
  ]
}

function packageOf (name) {
  return PACKAGES.get(name) ?? MODULES.get(name)
}

function find (program) {
  return [...(process.env.PATH ?? '').split(delimiter), ...ALSO].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function works (command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/** The words that make a command run as root; null when nothing here does without asking for a password. */
function asRoot () {
  if (process.getuid?.() === 0) return []
  return works('sudo', '-n', 'true') ? ['sudo', '-n'] : null
}

/** Installs packages; returns why it could not. */
function install (packages) {
  if (!find('apt-get')) return 'this system has no apt-get'
  const root = asRoot()
  if (root === null) return 'installing packages needs root, and sudo asks for a password'
  console.log(`The tests need ${packages.join(', ')}: installing with apt-get. Their services are neither started nor enabled.`)
  const [command, ...args] = [...root, 'sh', '-c', INSTALL, 'install', ...packages]
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  return status === 0 ? null : `apt-get ended with ${status}`
}

let absent = missing()
if (absent.length > 0) {
  const reason = install([...new Set(absent.map(packageOf))])
  absent = missing()
  if (absent.length > 0) {
    console.error(`The tests can't run: ${absent.join(', ')} ${absent.length === 1 ? 'is' : 'are'} missing, and ${reason ?? 'the packages were installed without them'}.`)
    console.error(`On Debian and Ubuntu: sudo apt-get install ${[...new Set(absent.map(packageOf))].join(' ')}`)
    console.error('Elsewhere: install Mosquitto (broker and clients), Chromium, OpenSSL, faketime, Prometheus and InfluxDB 1.x so that these names are in the PATH, and paho-mqtt for /usr/bin/python3.')
    process.exit(1)
  }
}
