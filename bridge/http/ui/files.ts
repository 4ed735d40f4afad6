import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** How a file is sent; `null` is as it is. */
export type Encoding = 'br' | 'gzip' | null

/** A file of the web UI, in the forms that the build made of it. */
export interface UiFile {
  readonly type: string
  readonly forms: ReadonlyMap<Encoding, Buffer>
}

/** Compressed ones first: the shortest that a browser takes is sent. */
const FORMS: readonly (readonly [Encoding, string])[] = [['br', '.br'], ['gzip', '.gz'], [null, '']]

const TYPES = new Map([
  ['html', 'text/html; charset=utf-8'],
  ['js', 'text/javascript; charset=utf-8'],
  ['css', 'text/css; charset=utf-8'],
  ['svg', 'image/svg+xml']
])

/** Where the build puts the web UI: beside what runs, be that the build or the sources. */
const FOLDER = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../../dist/web/' : '../../../web/', import.meta.url))

/** The files of the web UI by their paths, such as `index.html`; none when it was not built. Few and small: they stay in memory. */
export function readUiFiles (folder = FOLDER): ReadonlyMap<string, UiFile> {
  const names = list(folder)
  const files = new Map<string, UiFile>()
  for (const name of names) {
    const type = TYPES.get(name.slice(name.lastIndexOf('.') + 1))
    if (type === undefined) continue
    const forms = FORMS.filter(([, suffix]) => names.has(name + suffix))
    files.set(name, { type, forms: new Map(forms.map(([encoding, suffix]) => [encoding, readFileSync(folder + name + suffix)])) })
  }
  return files
}

function list (folder: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => name.replaceAll('\\', '/')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Set()
    throw error
  }
}

/** The first form that `Accept-Encoding` allows [RFC 9110, 12.5.3]. */
export function formFor ({ forms }: UiFile, acceptEncoding = ''): readonly [Encoding, Buffer] {
  const accepted = new Set(acceptEncoding.toLowerCase().split(',')
    .map(part => part.trim().split(/\s*;\s*/))
    .filter(([, quality]) => !/^q=0(\.0*)?$/.test(quality ?? ''))
    .map(([name]) => name))
  for (const form of forms) if (form[0] === null || accepted.has(form[0])) return form
  throw new Error('a file of the web UI has no form that every browser takes')
}
