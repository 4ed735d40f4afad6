/** Memory that checking one password may take: 128 N r bytes, 1 GiB. */
const mostMemory = 1024 ** 3

/** What is wrong with `scrypt$N$r$p$salt$key`, without repeating any of it; `null` if nothing is. Hashing lives elsewhere. */
export function scryptHashFault (hash: string): string | null {
  const match = /^scrypt\$(\d{1,8})\$(\d{1,4})\$(\d{1,4})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/.exec(hash)
  if (match === null) return 'is no scrypt hash'
  const [n, r, p] = match.slice(1, 4).map(Number) as [number, number, number]
  if (n < 2 || (n & (n - 1)) !== 0) return 'has an N that is no power of two'
  if (r < 1 || p < 1) return 'has an r or p of 0'
  if (128 * n * r > mostMemory || p > 64) return 'asks for more work than one CONNECT may cost (128 N r above 1 GiB, or p above 64)'
  if (Buffer.from(match[4]!, 'base64url').length < 8) return 'has a salt of less than 8 bytes'
  if (Buffer.from(match[5]!, 'base64url').length < 16) return 'has a key of less than 16 bytes'
  return null
}
