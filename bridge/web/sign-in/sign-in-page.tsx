import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Command } from '../connect/command.tsx'
import { FaultBox } from '../fault-box.tsx'
import { signIn, type Session, type SignedIn } from '../session.ts'
import { useTitle } from '../title.ts'

/** Where a token is pasted, and why the last one did not do. */
export function SignInPage ({ session: { phase, fault } }: { session: Exclude<Session, SignedIn> }): JSX.Element {
  const [token, setToken] = useState('')
  useTitle('Sign in')
  const checking = phase === 'checking'
  if (checking && fault === null) return <p class='page narrow quiet soon' role='status'>Signing in…</p>
  const submit = (event: Event): void => {
    event.preventDefault()
    const text = token.trim().replace(/^Bearer +/i, '')
    if (text !== '') void signIn(text)
  }
  return (
    <div class='page narrow'>
      <h1>Sign in</h1>
      <p class='lead'>A token says who you are and which rooms you may enter. It stays in this tab only.</p>
      {fault === null ? null : <FaultBox title={checking ? 'The server can’t be reached; it is tried again.' : titleOf(fault.code)} fault={fault} />}
      <form class='stack' onSubmit={submit}>
        <label class='field'>
          <span class='label'>Token</span>
          <textarea
            class='input code' rows={5} name='token' autocomplete='off' spellcheck={false} required
            placeholder='eyJhbGciOi…' value={token} onInput={event => setToken(event.currentTarget.value)}
            onKeyDown={event => { if (event.key === 'Enter') submit(event) }}
          />
        </label>
        <button class='button primary' type='submit' disabled={checking}>{checking ? 'Signing in…' : 'Sign in'}</button>
      </form>
      <section class='aside-note' aria-labelledby='no-token'>
        <h2 id='no-token'>No token yet?</h2>
        <p>On the machine of the server, in the folder that its data directory is in:</p>
        <Command text={'npx foyer token --sub me --room \'lobby=owner\' --expires 12h'} />
        <p class='quiet'>Where an identity provider signs the tokens, get one there. More is under <a href='#/connect'>Connect</a>.</p>
      </section>
    </div>
  )
}

function titleOf (code: string): string {
  if (code === 'tokenExpired' || code === 'expired') return 'The token has ended.'
  if (code === 'tokenRevoked' || code === 'revoked') return 'The token was revoked.'
  return 'The server did not accept this token.'
}
