import { readFileSync } from 'node:fs'

/**
 * What tells a process from a later one with the same number: the boot, and the clock ticks since then. `gone` for one
 * that has ended, also if nobody has asked for its exit code yet; null where the system does not tell.
 */
export function processStart (pid: number): string | null {
  try {
    // The name in parentheses may itself hold spaces and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return 'gone'
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${fields[19]}`
  } catch {
    return null
  }
}
