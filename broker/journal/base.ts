import type { Logger } from 'pino'
import { FoyerError } from '../../protocol/errors.ts'
import type { Segment } from './segment.ts'
import type { Snapshot, SnapshotDamage } from './snapshot.ts'

const HELD = 'all sessions, retained messages, wills and revocations that began before'

/**
 * Whether the files that were found begin where the snapshot ends, or with the first one ever. When they do not, what
 * was in between is lost. Nobody should find out by missing their messages: where a damaged snapshot is the cause, a
 * person decides whether to go on without it. With the snapshot out of the way, it is only said.
 */
export function checkBase (directory: string, logger: Logger, snapshot: Snapshot | null, broken: readonly SnapshotDamage[], segments: readonly Segment[]): void {
  const [oldest] = segments
  if (oldest === undefined ? snapshot === null && broken.length === 0 : oldest.sequence <= (snapshot?.location.sequence ?? 1) && (snapshot !== null || !segments.some(({ compacted }) => compacted))) return
  const first = oldest === undefined ? 'that are gone, as are its messages' : `that were removed, ${oldest.path} being the oldest left`
  if (broken.length === 0) {
    logger.error({ directory, firstFile: oldest?.path }, `the journal has no snapshot for its files ${first}: ${HELD} are lost`)
    return
  }
  const places = broken.map(({ path, offset, reason }) => `${path} ${reason === null ? `is damaged at byte ${offset}` : `can't be read (${reason})`}`)
  throw new FoyerError('disk', `no snapshot of the journal can be used: ${places.join(', ')}. They hold what the journal said in files ${first}: restore one of them from a backup, or move them away to go on without ${HELD}`)
}
