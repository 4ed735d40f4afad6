import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'mocha'
import { run, temporaryFolder } from './cli-run.ts'
import type { Teardown } from './teardown.ts'

/** Mounting is for root alone. The global `describe` would be that of the file which was first in its process. */
export const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip

/** A disk of its own, that can be full. */
export class SmallDisk {
  readonly folder: string
  private readonly ballast: string

  private constructor (folder: string) {
    this.folder = folder
    this.ballast = join(folder, 'ballast')
  }

  static async mount (t: Teardown, megabytes: number): Promise<SmallDisk> {
    const folder = temporaryFolder(t)
    const { code, stderr } = await run(t, ['mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])
    if (code !== 0) throw new Error(`a disk could not be mounted: ${stderr}`)
    t.after(async () => await run(t, ['umount', '-l', folder]))
    return new SmallDisk(folder)
  }

  /** Takes all that is left. */
  fill (): void {
    for (let size = 16 * 2 ** 20; size >= 4096;) {
      try {
        writeFileSync(this.ballast, Buffer.alloc(size), { flag: 'a' })
      } catch {
        size = Math.floor(size / 2)
      }
    }
  }

  /** Gives it back. */
  free (): void {
    rmSync(this.ballast)
  }
}
