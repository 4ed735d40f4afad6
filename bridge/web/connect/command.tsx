import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

const SHOWN_MS = 2_000

/** A line to paste elsewhere, selected as a whole by a click. */
export function Command ({ text }: { text: string }): JSX.Element {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = (): void => { void navigator.clipboard.writeText(text).then(() => setCopied(true)) }
  return (
    <div class='command'>
      <pre tabIndex={0} aria-label='Line to paste'><code>{text}</code></pre>
      {/* Browsers have no clipboard for pages that came without TLS from elsewhere. */}
      {window.isSecureContext ? <button class='button small' type='button' aria-live='polite' onClick={copy}>{copied ? 'Copied' : 'Copy'}</button> : null}
    </div>
  )
}
