import { spawnSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'
import { CLOCK_TICKS } from './processes.ts'
import { percentile } from './statistics.ts'

/** By the magic number of statfs(2). */
const FILE_SYSTEMS = new Map([[0xef53, 'ext4'], [0x58465342, 'xfs'], [0x9123683e, 'btrfs'], [0x794c7630, 'overlayfs'], [0x01021994, 'tmpfs, which is no disk: set TMPDIR']])
const SYNCS = 100

/** Seconds of CPU that all of the machine has used, what a hypervisor took from it included. */
export function machineSeconds (): number {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/ +/).map(Number)
  return (user! + nice! + system! + irq! + softirq! + steal!) / CLOCK_TICKS
}

/** What a result depends on, as lines of text. */
export function describeMachine (folder: string): string {
  const [version] = spawnSync('mosquitto', ['-h'], { encoding: 'utf8' }).stdout.split('\n', 1)
  const { type } = statfsSync(folder)
  const { p50, p99 } = syncTimes(folder)
  return [
    `${cpus().length} cores of ${cpus()[0]?.model}, Linux ${release()}, load average ${loadavg()[0]!.toFixed(2)} before`,
    `Node ${process.versions.node}, ${version}`,
    `data in ${folder} (${FILE_SYSTEMS.get(type) ?? `file system 0x${type.toString(16)}`}); write and fdatasync of 4 KiB: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`
  ].join('\n')
}

function syncTimes (folder: string): { p50: number, p99: number } {
  const path = join(folder, 'sync')
  const fd = openSync(path, 'w')
  const page = Buffer.alloc(4096, 'x')
  const times = Float64Array.from({ length: SYNCS }, () => {
    const begin = performance.now()
    writeSync(fd, page)
    fdatasyncSync(fd)
    return performance.now() - begin
  })
  closeSync(fd)
  rmSync(path)
  return { p50: percentile(times, 50), p99: percentile(times, 99) }
}
