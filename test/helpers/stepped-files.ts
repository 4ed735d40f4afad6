import { diskFiles, type FileLayer } from '../../broker/journal/file-layer.ts'

/** A file system of this machine that calls `before` each time that it is asked for something; what that throws, it throws. */
export function steppedFiles (before: (call: keyof FileLayer, path: unknown) => void): FileLayer {
  const step = <K extends keyof FileLayer> (call: K): FileLayer[K] => (async (...args: unknown[]) => {
    before(call, args[0])
    return await (diskFiles[call] as (...args: unknown[]) => Promise<unknown>)(...args)
  }) as unknown as FileLayer[K]
  return Object.fromEntries((Object.keys(diskFiles) as (keyof FileLayer)[]).map(call => [call, step(call)])) as unknown as FileLayer
}
