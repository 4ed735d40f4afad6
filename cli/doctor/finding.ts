/** What one check found. A warning is for who runs it to judge; with a failure Foyer does not keep its promises here. */
export interface Finding {
  readonly status: 'ok' | 'warn' | 'fail'
  /** What is so, without a full stop. */
  readonly what: string
  /** What to do about it; empty where all is well. */
  readonly remedy: string
}

export function ok (what: string): Finding {
  return { status: 'ok', what, remedy: '' }
}

export function warn (what: string, remedy: string): Finding {
  return { status: 'warn', what, remedy }
}

export function failed (what: string, remedy: string): Finding {
  return { status: 'fail', what, remedy }
}

/** As one line, its status first. */
export function describeFinding ({ status, what, remedy }: Finding): string {
  return `${status.padEnd(4)}  ${what}${remedy === '' ? '' : `. ${remedy}`}`
}
