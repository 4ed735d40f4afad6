import { round, type Kind } from '../model.ts'
import { between, streamOf } from '../signals/random.ts'
import { SECOND } from '../signals/time.ts'
import { checkOrder, isFlag, isNumber, type Check } from './orders.ts'

const TAKES = new Map<string, Check>([
  ['on', isFlag],
  ['toggle', value => value === true ? null : 'can only be true'],
  ['brightness', isNumber(1, 100)]
])

/** A lamp that is told to be on, off or the other one, and how bright. */
export const lamp: Kind = {
  every: 30 * SECOND,
  qos: 0,
  create (seed, _room, device) {
    const watts = between(6, 14, streamOf(seed, 'lamp', device), 0)
    let on = false
    let brightness = 100
    return {
      state: () => ({ on, brightness }),
      readings: () => [{ metric: 'power', value: on ? round(0.4 + watts * brightness / 100, 2) : 0.4 }],
      command (members) {
        checkOrder(members, TAKES)
        if (members.has('on') && members.has('toggle')) throw new Error('on says what to be and toggle to be the other one: one of them')
        brightness = (members.get('brightness') as number | undefined) ?? brightness
        // Who says how bright means it to be on.
        on = members.has('toggle') ? !on : (members.get('on') as boolean | undefined) ?? true
        return { on, brightness }
      }
    }
  }
}
