import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { temporaryFolder } from './cli-run.ts'
import type { Teardown } from './teardown.ts'

/** A self-signed certificate of localhost and 127.0.0.1, made by openssl for this test. */
export function newCertificate (t: Teardown): { cert: string, key: string } {
  const folder = temporaryFolder(t)
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', cert,
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  ], { stdio: 'ignore' })
  return { cert, key }
}
