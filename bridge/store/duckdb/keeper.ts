import type { DuckDBConnection } from '@duckdb/node-api'
import { retentionOf, shortestRetention, type RetentionRules } from '../retention.ts'
import type { Change } from './changes.ts'
import { nextMerge } from './merging.ts'
import type { Contents } from './pages.ts'
import { lastOf, rewrite, type Rewriting, type Rewritten } from './rewriting.ts'
import type { SealedFile } from './sealed-files.ts'
import { recentParts, sliceEnd } from './slices.ts'
import { literal, recentSource, sealedSource } from './sources-sql.ts'
import { unhurried } from './statement.ts'
import type { Turns } from './turns.ts'
import { BACKLOG_WEIGHT, MOST_WEIGHT } from './weights.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const CHECK = 10_000
const PAUSE_AFTER_FAILURE = MINUTE

/** When what came last is sealed. */
export interface Sizes {
  readonly rows: number
  /** Of payloads. */
  readonly bytes: number
  /** See weights.ts. */
  readonly weight: number
}

const SIZES: Sizes = { rows: 1_000_000, bytes: 64 * 1024 * 1024, weight: MOST_WEIGHT }

/** What came last and is not in files yet. */
export interface Recent extends Sizes {
  /** Position of the first; null when there are none. */
  readonly first: number | null
}

export interface KeeperOptions {
  /** For what takes long, so that neither reads nor writes wait for it. */
  readonly connection: DuckDBConnection
  readonly turns: Turns
  readonly rules: RetentionRules
  /** The rules that all files obey, as text. */
  readonly rulesBefore: string
  readonly sizes?: Partial<Sizes> | undefined
  readonly contents: () => Contents
  readonly recent: () => Recent
  /** Makes a change, between all reads and writes. */
  readonly commit: (change: Change) => Promise<void>
  readonly onFailure: (error: unknown) => void
}

/** Keeps the files as they should be: seals what came last, removes what has had its time, what was erased, and makes few of many. */
export class Keeper {
  private readonly options: KeeperOptions
  private readonly sizes: Sizes
  private readonly timer: NodeJS.Timeout | undefined
  private rulesBefore: string
  private working = false
  private pausedUntil = 0
  private closed = false

  /** With `readOnly` it does nothing. */
  constructor (options: KeeperOptions, readOnly: boolean) {
    this.options = options
    this.closed = readOnly
    this.sizes = { ...SIZES, ...options.sizes }
    this.rulesBefore = options.rulesBefore
    if (!readOnly) this.timer = setInterval(() => { this.look() }, CHECK)
  }

  /** Begins to work if there is something to do. */
  look (): void {
    const now = Date.now()
    if (this.working || this.closed || now < this.pausedUntil) return
    this.working = true
    this.work(now).catch((error: unknown) => {
      if (this.closed) return
      this.pausedUntil = Date.now() + PAUSE_AFTER_FAILURE
      this.options.onFailure(error)
    }).finally(() => { this.working = false })
  }

  /** Whether what came last should be sealed: asked after every append. */
  get isFull (): boolean {
    const { rows, bytes, weight } = this.options.recent()
    return rows >= this.sizes.rows || bytes >= this.sizes.bytes || weight >= this.sizes.weight
  }

  /** Does all there is to do, as if it were `now` (milliseconds since 1970). */
  async work (now: number): Promise<void> {
    while (!this.closed && await this.options.turns.run(() => this.step(now)));
  }

  async close (): Promise<void> {
    this.closed = true
    clearInterval(this.timer)
    this.options.connection.interrupt()
    await this.options.turns.run(async () => {})
  }

  /** One piece of work; false when there is none. */
  private async step (now: number): Promise<boolean> {
    return !this.closed && (await this.expire(now) || await this.seal(now) || await this.erase(now) || await this.obey(now) || await this.merge(now))
  }

  private async expire (now: number): Promise<boolean> {
    const { connection, contents, commit } = this.options
    const { folder, files } = contents()
    const old = files.find(({ retention, last }) => retention !== null && last / 1000 <= now - retention)
    if (old === undefined) return false
    await commit({ remove: [old], removals: await lastOf(connection, sealedSource(folder, [old]), 'true') })
    return true
  }

  private async seal (now: number): Promise<boolean> {
    const { connection, contents, recent, commit } = this.options
    const { first, weight } = recent()
    if (first === null || !(this.isFull || first / 1000 <= now - this.sealAge)) return false
    const { last } = contents()
    const slice = weight > BACKLOG_WEIGHT ? await sliceEnd(connection, last) : { upTo: last, weight }
    const parts = await recentParts(unhurried(connection), slice.weight, 0, slice.upTo + 1)
    const { files, removals } = await this.rewrite(now, { source: recentSource(parts), weight: slice.weight }, 0, [])
    await commit({ add: files, removals, sealedUpTo: slice.upTo })
    return true
  }

  /** Files that have something of what was erased are written again without. */
  private async erase (now: number): Promise<boolean> {
    const { connection, contents, commit } = this.options
    const [erasure] = contents().erasures
    if (erasure === undefined) return false
    const { kind, name, upTo } = erasure
    for (const file of contents().files) {
      if (this.closed) return false
      if (file.first > upTo) continue
      const found = await connection.runAndReadAll(`SELECT 1 FROM ${sealedSource(contents().folder, [file])} WHERE ${kind} = ${literal(name)} AND time <= make_timestamp(${upTo}) LIMIT 1`)
      if (found.currentRowCount > 0) await this.replace(now, [file], file.level)
    }
    await commit({ erased: erasure })
    return true
  }

  /** After the rules have changed, files say how long they are kept by the new ones. */
  private async obey (now: number): Promise<boolean> {
    const { connection, contents, commit, rules } = this.options
    const text = JSON.stringify({ ...rules, channels: [...rules.channels], rooms: [...rules.rooms] })
    if (text === this.rulesBefore) return false
    for (const file of contents().files) {
      if (this.closed) return false
      const found = await connection.runAndReadAll(`SELECT DISTINCT room, channel FROM ${sealedSource(contents().folder, [file])}`)
      const retentions = new Set(found.getRows().map(([room, channel]) => retentionOf(rules, String(room), String(channel))))
      const [retention = null] = retentions
      if (retentions.size > 1) await this.replace(now, [file], file.level)
      else if (retention !== file.retention) await commit({ remove: [file], add: [{ ...file, retention }] })
    }
    await commit({ rules: text })
    this.rulesBefore = text
    return true
  }

  private async merge (now: number): Promise<boolean> {
    const merged = nextMerge(this.options.contents().files, (retention) => 1000 * (retention === null ? Infinity : retention / 8))
    if (merged === null) return false
    await this.replace(now, merged, merged[0]!.level + 1)
    return true
  }

  private async replace (now: number, old: readonly SealedFile[], level: number): Promise<void> {
    const { contents, commit } = this.options
    const { files, removals } = await this.rewrite(now, { source: sealedSource(contents().folder, old), weight: old.reduce((sum, { weight }) => sum + weight, 0) }, level, old.map(({ name }) => name))
    await commit({ remove: old, add: files, removals })
  }

  private async rewrite (now: number, what: Pick<Rewriting, 'source' | 'weight'>, level: number, replaces: readonly string[]): Promise<Rewritten> {
    const { connection, contents, rules } = this.options
    const { folder, erasures } = contents()
    return await rewrite({ connection, ...what, folder, rules, erasures, now: now * 1000, level, replaces })
  }

  /** How long what came last may wait: an eighth of the shortest time that anything is kept. */
  private get sealAge (): number {
    return Math.min(DAY, Math.max(MINUTE, (shortestRetention(this.options.rules) ?? Infinity) / 8))
  }
}
