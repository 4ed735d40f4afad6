import { FoyerError } from '../../protocol/errors.ts'
import { subFault } from '../../protocol/names.ts'

/** A `sub` as it was given; throws FoyerError('badRequest') for what no token could have. */
export function checkedSub (sub: string): string {
  const fault = subFault(sub)
  if (fault !== null) throw new FoyerError('badRequest', `this sub cannot be used: ${fault}`)
  return sub
}
