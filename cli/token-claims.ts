/** What a token says, unverified; null when it is none. */
export function claimsOf (token: string): Readonly<Record<string, unknown>> | null {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return typeof claims === 'object' ? claims as Record<string, unknown> | null : null
  } catch {
    return null
  }
}
