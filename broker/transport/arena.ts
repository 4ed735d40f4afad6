const SLAB_BYTES = 64 * 1024

/**
 * Where outgoing packets are encoded, one after the other, whoever they are for.
 *
 * Packets of one turn that go to the same connection usually lie side by side, so that a connection's output is a
 * range instead of a list, and the same range serves every subscriber of a fan-out. A slab is never written twice: it
 * is dropped when full and lives as long as somebody still sends from it.
 */
export class Arena {
  slab: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES)
  position = 0

  /** Makes room for `bytes`; writing begins at `position` of `slab`, and the writer moves `position` on. */
  reserve (bytes: number): void {
    if (this.position + bytes <= this.slab.length) return
    this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes))
    this.position = 0
  }
}
