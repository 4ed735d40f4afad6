import type { JSX } from 'preact'
import { sentence, type Fault } from './fault.ts'

/** Something that did not work, in the words of who said no. */
export function FaultBox ({ title, fault: { message, remedy } }: { title: string, fault: Fault }): JSX.Element {
  return (
    <div class='fault' role='alert'>
      <p class='fault-title'>{title}</p>
      <p>{sentence(message)}</p>
      {remedy === '' || remedy === 'see the detail' ? null : <p class='quiet'>{sentence(remedy)}</p>}
    </div>
  )
}
