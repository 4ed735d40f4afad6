/** What went wrong, in the words of the server or the client, and what to do about it. */
export interface Fault {
  readonly code: string
  readonly message: string
  readonly remedy: string
}

export function faultOf (error: unknown): Fault {
  if (error instanceof Error && 'remedy' in error && 'code' in error) return error as Error & Fault
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), remedy: 'reload the page; if it stays, look into the log of the server' }
}

/** A sentence as the server writes it, without its full stop, as one that stands alone. */
export function sentence (text: string): string {
  return text === '' ? '' : `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
